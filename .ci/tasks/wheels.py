"""The extension's wheels: fetched into ``wheels/``, checked against pyproject.toml's hashes, made slim for the zip."""

import base64
import csv
import hashlib
import io
import os
import platform
import re
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from .common import WHEELS, BuildError, last_line, normal, project, read_pins, run_quietly, say
from .environment import TORCH_CPU_INDEX, pip, torch_cpu_sources

PYTHONS = ("3.11", "3.13")
# Blender's platforms: Python's names of system and machine, the tags that pip takes, how fitting wheels' tags read.
MANYLINUX = [f"manylinux{tag}_x86_64" for tag in ("_2_28", "_2_27", "_2_26", "_2_24", "_2_17", "2014", "_2_12", "_2_5")]
PLATFORMS = {
    "linux-x64": ("linux", "x86_64", MANYLINUX, r"(manylinux|linux).*x86_64"),
    "windows-x64": ("win32", "amd64", ["win_amd64"], "win_amd64"),
    "macos-arm64": ("darwin", "arm64", ["macosx_14_0_arm64", "macosx_11_0_arm64"], "macosx.*(arm64|universal2)"),
}

# What no bake reads: torch's own tests, headers, compilers and import libraries. torch_shm_manager must be there.
LEFT_OUT = re.compile(r"torch/(test|include|share)/|torch/bin/(?!torch_shm_manager)|torch/lib/[^/]*\.(lib|a)$")


@dataclass(frozen=True)
class Target:
    """What a zip is for: one of Blender's platforms and a Python, "3.11" or "3.13"."""

    platform: str
    python: str

    def __str__(self) -> str:
        return f"{self.platform} and Python {self.python}"

    @property
    def suffix(self) -> str:
        """For file names: ``linux_x64-python3.11``."""
        return f"{self.platform.replace('-', '_')}-python{self.python}"

    @property
    def system(self) -> str:
        """Python's ``sys.platform`` there."""
        return PLATFORMS[self.platform][0]

    def fits(self, file: str) -> bool:
        """Whether a wheel of this file name runs there, by the tags of PEP 425."""
        python_tags, abi_tags, platform_tags = file.removesuffix(".whl").split("-")[-3:]
        minor = int(self.python.partition(".")[2])
        tags = python_tags.split(".")
        if "abi3" in abi_tags.split("."):
            right_python = any(re.fullmatch(r"cp3\d+", tag) and int(tag[3:]) <= minor for tag in tags)
        elif abi_tags == "none":
            right_python = "py3" in tags
        else:
            right_python = f"cp3{minor}" in tags and abi_tags == f"cp3{minor}"
        pattern = PLATFORMS[self.platform][3]
        return right_python and any(tag == "any" or re.fullmatch(pattern, tag) for tag in platform_tags.split("."))


def host_platform() -> str:
    for name, (system, machine, *_) in PLATFORMS.items():
        if (sys.platform, platform.machine().lower()) == (system, machine):
            return name
    raise BuildError(f"no wheels for {sys.platform} on {platform.machine()}; the choice is {', '.join(PLATFORMS)}")


def known_hashes() -> dict[str, str]:
    """File names of the extension's wheels on every platform and Python, with their SHA-256."""
    return project()["tool"]["blendshape-talker"]["wheels"]


def is_wheel_of(file: str, pin: str) -> bool:
    """Whether a wheel's file name is that of a pin; a local version (+cpu, +cu128) may follow torch's."""
    name, version = pin.split("==")
    file_name, file_version = file.split("-")[:2]
    if normal(name) == "torch":
        file_version = file_version.partition("+")[0]
    return [normal(name), version] == [normal(file_name), file_version]


def pinned_file(pin: str, target: Target) -> str | None:
    """The one file name in pyproject.toml that is ``pin`` built for ``target``."""
    fitting = [file for file in known_hashes() if is_wheel_of(file, pin) and target.fits(file)]
    if len(fitting) > 1:
        raise BuildError(f"pyproject.toml names {len(fitting)} wheels of {pin} for {target}: {', '.join(fitting)}")
    return fitting[0] if fitting else None


def gather_wheels(target: Target, torch_wheels: Path | None = None, without: tuple[str, ...] = ()) -> list[Path]:
    """The extension's wheels for ``target``, fetched into ``wheels/`` where they are not there yet, each checked.

    torch_wheels: folder to take torch's wheel from where one there fits, of the pinned version and any build; without:
    names left out.
    """
    pins = [pin for pin in read_pins()["extension"] if pin.split("==")[0] not in without]
    found: list[Path] = []
    for pin in pins:
        given = given_wheel(pin, target, torch_wheels) if torch_wheels and pin.startswith("torch==") else None
        if given is not None:
            found.append(given)
            continue
        file = pinned_file(pin, target)
        if file is None:
            raise BuildError(no_torch(pin, target) if pin.startswith("torch==") else f"no wheel of {pin} for {target}")
        if not (WHEELS / file).is_file():
            say(f"fetching {file} into wheels/")
            fetch_wheel(pin, file, target)
        check_hash(WHEELS / file)
        found.append(WHEELS / file)
    return found


def no_torch(pin: str, target: Target) -> str:
    build = "torch's CPU build" if target.platform == "linux-x64" else "torch"
    return (
        f"{build} {pin.partition('==')[2]} for {target} cannot be had here; download the wheel from {TORCH_CPU_INDEX} "
        "elsewhere and name its folder with --torch-wheels"
    )


def given_wheel(pin: str, target: Target, folder: Path) -> Path | None:
    """torch's wheel in a folder that the user names, None where none fits; one that pyproject.toml knows is checked."""
    if not folder.is_dir():
        raise BuildError(f"{folder}: no such folder; --torch-wheels names the folder with torch's wheel")
    fitting = [file for file in sorted(folder.glob("*.whl")) if is_wheel_of(file.name, pin) and target.fits(file.name)]
    if not fitting:
        say(f"{folder} has no wheel of {pin} for {target}: the pinned one is taken")
        return None
    if len(fitting) > 1:
        many = ", ".join(file.name for file in fitting)
        raise BuildError(f"{folder}: needs exactly one wheel of {pin} for {target}, there is {many}")
    if fitting[0].name in known_hashes():
        check_hash(fitting[0])
    else:
        say(f"{fitting[0].name} is no pinned wheel, taken as given; its SHA-256 is {sha256(fitting[0])}")
    return fitting[0]


def sha256(file: Path) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_hash(file: Path) -> None:
    expected = known_hashes()[file.name]
    if sha256(file) != expected:
        raise BuildError(f"{file}: its SHA-256 is not the one in pyproject.toml ({expected[:12]}…); delete the file")


def fetch_wheel(pin: str, file: str, target: Target) -> None:
    """Download one wheel by pip, for a platform and a Python that may not be this one's."""
    options = ["download", "--only-binary=:all:", "--python-version", target.python, "--implementation", "cp"]
    for tag in PLATFORMS[target.platform][2]:
        options += ["--platform", tag]
    system = PLATFORMS[target.platform][0]
    sources = torch_cpu_sources(pin, system) if pin.startswith("torch==") else [["--no-deps", pin]]
    WHEELS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch_", dir=WHEELS) as folder:
        for source in sources:
            finished = run_quietly(pip(*options, "--dest", folder, *source))
            if finished.returncode == 0:
                break
        else:
            if pin.startswith("torch=="):
                raise BuildError(no_torch(pin, target))
            raise BuildError(f"pip finds no wheel of {pin} for {target}: {last_line(finished)}")
        wheel = Path(folder) / file
        if not wheel.is_file():
            others = ", ".join(path.name for path in Path(folder).iterdir())
            raise BuildError(f"pip fetched {others} for {target}; pyproject.toml has the hash of {file}")
        check_hash(wheel)
        os.replace(wheel, WHEELS / file)


def slim(wheel: Path, folder: Path, compiled: dict[str, bytes] | None = None) -> Path:
    """A copy of a wheel in ``folder`` without :data:`LEFT_OUT`, its RECORD made to fit.

    compiled: compiled modules to add, by name of the .pyc in the wheel. What stays is copied as it is compressed.
    """
    slimmed = folder / wheel.name
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(slimmed, "w", zipfile.ZIP_DEFLATED) as target:
        record = next(name for name in source.namelist() if re.fullmatch(r"[^/]+\.dist-info/RECORD", name))
        for entry in source.infolist():
            if entry.filename != record and not entry.is_dir() and not LEFT_OUT.match(entry.filename):
                copy_entry(source, entry, target)
        rows = [row for row in csv.reader(io.StringIO(source.read(record).decode())) if not LEFT_OUT.match(row[0])]
        for name, content in (compiled or {}).items():
            target.writestr(name, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            rows.append([name, f"sha256={digest}", str(len(content))])
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\n").writerows(rows)
        target.writestr(record, lines.getvalue())
    return slimmed


def copy_entry(source: zipfile.ZipFile, entry: zipfile.ZipInfo, target: zipfile.ZipFile) -> None:
    """Copy a file of one zip to another without compressing it again, which takes a minute for torch's libraries."""
    stream, out = source.fp, target.fp
    assert stream is not None and out is not None  # both are open
    stream.seek(entry.header_offset)
    header = stream.read(30)
    stream.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), os.SEEK_CUR)
    copied = zipfile.ZipInfo(entry.filename, entry.date_time)
    copied.compress_type, copied.external_attr = entry.compress_type, entry.external_attr
    copied.CRC, copied.compress_size, copied.file_size = entry.CRC, entry.compress_size, entry.file_size
    copied.header_offset = out.tell()
    out.write(copied.FileHeader(zip64=False))
    remaining = entry.compress_size
    while remaining:
        block = stream.read(min(remaining, 1 << 20))
        out.write(block)
        remaining -= len(block)
    target.filelist.append(copied)
    target.NameToInfo[copied.filename] = copied
    target.start_dir = out.tell()
    target._didModify = True  # type: ignore[attr-defined]
