"""A small Debian of its own in a folder, for a Python that the system lacks: Blender 5.2's on Debian 12.

PyPI has no CPU build of torch for Linux, and PyTorch's own index is not reachable everywhere; Debian's mirrors have
Python 3.13 with CPU torch. The root is made once by debootstrap and kept in the user's cache. Everything that runs
in it sees the repository and the folder for temporary files at their own paths, through mounts in a namespace of the
process's own, so that nothing stays mounted, however it ends.
"""

import hashlib
import os
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

from .common import ROOT, BuildError, last_line, run_quietly, say

SUITE = "trixie"
PYTHON = "3.13"
# What Blender's module opens, torch, and what is needed to make environments.
PACKAGES = (
    *("python3-venv", "python3-pip", "python3-torch", "libegl1", "libgl1", "libice6", "libsm6", "libx11-6", "libxext6"),
    *("libxfixes3", "libxi6", "libxkbcommon0", "libxrender1", "libxxf86vm1", "util-linux"),
)
DEFAULT_MIRROR = "http://deb.debian.org/debian"


def reason_against() -> str | None:
    """Why no root can be made here, in a few words; None if it can."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        return "that needs Linux on x86-64"
    if os.geteuid() != 0:
        return "that needs root"
    if not shutil.which("debootstrap") and not shutil.which("apt-get"):
        return "that needs debootstrap"
    if run_quietly(["unshare", "--mount", "--propagation", "private", "true"]).returncode:
        return "this system lets nobody mount"
    return None


class DebianRoot:
    """The root's folder; :meth:`command` wraps a command so that it runs in it."""

    def __init__(self, folder: Path | None = None):
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self.folder = folder or cache / "blendshape-talker" / f"debian-{SUITE}"

    def prepare(self) -> None:
        """Make the root, or leave it as it is when it was made by these packages' names; :class:`BuildError` if not."""
        import fcntl  # Windows has none

        stamp = self.folder / "made.txt"
        wanted = hashlib.sha256(" ".join((SUITE, *sorted(PACKAGES))).encode()).hexdigest()
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with open(self.folder.parent / f"{self.folder.name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if stamp.is_file() and stamp.read_text().strip() == wanted:
                return
            say(f"making a root of Debian {SUITE} with Python {PYTHON} and torch in {self.folder}: a few minutes, 2 GB")
            if self.folder.exists():
                shutil.rmtree(self.folder)
            self._bootstrap()
            stamp.write_text(wanted + "\n")

    def _bootstrap(self) -> None:
        if not shutil.which("debootstrap"):
            run_quietly(["apt-get", "install", "-qq", "-y", "--no-install-recommends", "debootstrap"])
        mirror = debian_mirror()
        # In a mount namespace of its own, because debootstrap leaves /proc mounted when it fails.
        apart = ["unshare", "--mount", "--propagation", "private"]
        bootstrap = ["debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, self.folder, mirror]
        self._step("debootstrap", [*apart, *bootstrap])
        (self.folder / "etc/apt/sources.list").write_text(f"deb {mirror} {SUITE} main\n")
        settings = run_quietly(["apt-config", "dump"]).stdout
        kept = re.findall(r"(?im)^Acquire::.*(?:Proxy|CaInfo).*$", settings)
        (self.folder / "etc/apt/apt.conf.d/90host").write_text("".join(f"{line}\n" for line in kept))
        no_services = self.folder / "usr/sbin/policy-rc.d"
        no_services.write_text("#!/bin/sh\nexit 101\n")
        no_services.chmod(0o755)
        self._step("apt-get update", self.command(["apt-get", "update", "-qq"]))
        install = [
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "install",
            "-qq",
            "-y",
            "--no-install-recommends",
        ]
        self._step("apt-get install", self.command([*install, *PACKAGES]))
        self._step("apt-get clean", self.command(["apt-get", "clean"]))

    def _step(self, name: str, command: list) -> None:
        finished = run_quietly(command)
        if finished.returncode:
            raise BuildError(f"{name} failed for the root of Debian {SUITE}: {last_line(finished)}")

    def command(self, inner: list) -> list[str]:
        """The command line that runs ``inner`` in the root, in the working folder it is started from.

        Certificates and name servers of this machine are handed over, mounts end with the process.
        """
        seen = [tempfile.gettempdir(), str(ROOT)]
        lines = ["set -e", f"root={shlex.quote(str(self.folder))}"]
        for name in ("proc", "dev", "sys"):
            lines.append(f'mkdir -p "$root/{name}" && mount --rbind /{name} "$root/{name}"')
        for folder in seen:
            place = shlex.quote(folder)
            lines.append(f'mkdir -p "$root"{place} && mount --bind {place} "$root"{place}')
        lines.append('cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true')
        for variable in ("SSL_CERT_FILE", "PIP_CERT"):
            # the same path inside, so that the variable stays true
            lines.append(
                f'if [ -f "${variable}" ]; then mkdir -p "$root$(dirname "${variable}")"; '
                f'cp -L "${variable}" "$root${variable}.host" && export {variable}="${variable}.host"; fi'
            )
        lines.append('exec chroot "$root" sh -c \'cd "$0" 2>/dev/null || cd /; exec "$@"\' "$PWD" "$@"')
        script = "\n".join(lines)
        apart = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "debian_root"]
        return [*apart, *map(str, inner)]


def debian_mirror() -> str:
    """The mirror that this machine's apt uses for Debian itself; Debian's own where it uses none."""
    for file in [*Path("/etc/apt/sources.list.d").glob("*.sources"), Path("/etc/apt/sources.list")]:
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        for address in re.findall(r"(?m)^(?:URIs:|deb(?: \[[^]]*\])?)\s*(\S+/debian)/?\s*(?:\s.*)?$", text):
            return address
    return DEFAULT_MIRROR
