"""Damaged and hostile files for every reader, watched from outside: ``build.py fuzz``, or ``python tests/fuzz.py``.

Sound files are made by our own code, then changed at random (seeded) or, the first ones, made by hand to harm. A worker
process reads them; a hook on Python's audit events sees whatever would run, write or connect; memory and processor time
are measured file by file. Each file must be read or refused by a :class:`TalkerError` of one line.
"""

import argparse
import io
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unicodedata  # noqa: F401  names of letters in text: imported by Python itself where a file spells one
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import hostile_files  # noqa: E402

from blendshape_talker import pipeline  # noqa: E402
from blendshape_talker.errors import TalkerError  # noqa: E402
from blendshape_talker.expression import cues  # noqa: E402
from blendshape_talker.face import fit, flame, flame_model, meshes, safe_pickle  # noqa: E402
from blendshape_talker.speech import audio  # noqa: E402

MOST_SECONDS, MOST_BYTES = 2.0, 500 << 20
HANGING_SECONDS, STUCK_SECONDS = 20, 300  # of processor time for one file; on the clock, however busy the machine
_SAFETY_NET = 3 << 30  # address space beyond the worker's own: only this machine's memory depends on it
_FORBIDDEN = (
    "os.",
    "subprocess.",
    "socket.",
    "shutil.",
    "ctypes.",
    "marshal.",
    "code.",
    "pty.",
    "webbrowser.",
    "ftplib.",
)
_HARMLESS = {"os.scandir", "os.listdir", "ctypes.addressof", "ctypes.cdata"}  # what numpy and soundfile need
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_NUMBERS = (
    b"1e308",
    b"-1e400",
    b"nan",
    b"inf",
    b"-1",
    b"0",
    b"4294967296",
    b"99999999999999999999",
    b"1e-320",
    b"\xff",
)
_WORDS = (b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80", b"\x00" * 8, b"\xff" * 8, b"\x00\x00\x00\x01")


@dataclass
class Case:
    """One file: where it came from, how it ends, what it holds."""

    name: str
    suffix: str
    content: bytes


@dataclass
class Outcome:
    """What a worker found: refused or read, the costs, and what was wrong."""

    index: int
    name: str
    refused: bool
    seconds: float
    peak: int
    faults: list[str] = field(default_factory=list)


def sound_cases() -> list[Case]:
    """A sound file of each kind that a reader takes."""
    import soundfile

    random = np.random.default_rng(0)
    head = flame.load_head()
    points, faces = random.normal(size=(12, 3)), random.integers(0, 12, (8, 3))
    cases = [Case(f"model {protocol}", "pkl", hostile_files.model_pickle(protocol)) for protocol in range(6)]
    sparse = hostile_files.sparse([0, 1, 1, 2], [0, 4], (5, 3))
    cases.append(Case("sparse", "pkl", hostile_files.named(sparse, b"J_regressor")))
    chumpy = b"cchumpy.ch\nCh\n)\x81}U\x01x" + hostile_files.numpy_array(
        hostile_files.whole(2) + hostile_files.whole(3) + b"\x86", b"f8", hostile_files.text(bytes(48))
    )
    cases.append(Case("chumpy", "pkl", hostile_files.named(chumpy + b"sb")))
    for saved in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        saved(buffer, vertices=points, faces=faces, v_template=points)
        cases.append(Case(saved.__name__, "npz", buffer.getvalue()))
    for count, vertices, corners in (("few", points, faces), ("head", head.vertices, head.faces)):
        lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices]
        lines += ["f " + " ".join(f"{corner + 1}//{corner + 1}" for corner in face) for face in corners]
        cases.append(Case(f"{count} vertices", "obj", "\n".join(lines).encode()))
        for encoding, order in (("ascii", ""), ("binary_little_endian", "<"), ("binary_big_endian", ">")):
            header = f"element vertex {len(vertices)}\n{hostile_files.XYZ}"
            header += f"element face {len(corners)}\n{hostile_files.CORNERS}"
            if order:
                rows = np.zeros(len(corners), [("n", "u1"), ("c", order + "i4", 3)])
                rows["n"], rows["c"] = 3, corners
                body = vertices.astype(order + "f4").tobytes() + rows.tobytes()
            else:
                rows = [" ".join(map(str, row)) for row in vertices] + [f"3 {a} {b} {c}" for a, b, c in corners]
                body = "\n".join(rows).encode() + b"\n"
            cases.append(Case(f"{count} vertices {encoding}", "ply", hostile_files.ply(header, body, encoding)))
    table = "start,end,emotion,intensity,blend_in,blend_out\n0,2.5,happy,0.8,0.2,0.3\n2.5,4,sad,,,\n"
    cases.append(Case("cues", "csv", table.encode()))
    spoken = "1\n00:00:00,500 --> 00:00:02,000\n[angry 0.7] Why?\n\n2\n00:00:02,000 --> 00:00:04,000\n(sad) Oh.\n"
    cases.append(Case("transcript", "srt", spoken.encode()))
    cases.append(Case("transcript", "vtt", b"WEBVTT\n\n" + spoken.replace(",", ".").encode()))
    tone = (0.3 * np.sin(np.arange(8000) * 0.2)).astype(np.float32)
    for suffix, rate, channels, subtype in (
        *(
            ("wav", 16000, 1, "PCM_16"),
            ("wav", 44100, 2, "FLOAT"),
            ("wav", 8000, 1, "PCM_U8"),
            ("aiff", 22050, 1, None),
        ),
        *(("flac", 16000, 1, None), ("flac", 48000, 2, None), ("ogg", 16000, 1, None), ("mp3", 16000, 1, None)),
    ):
        buffer = io.BytesIO()
        soundfile.write(buffer, np.stack([tone] * channels, 1), rate, subtype=subtype, format=suffix)
        cases.append(Case(f"{suffix} {rate} {channels}", suffix, buffer.getvalue()))
    return cases


def case(index: int, seed: int, sound: list[Case], crafted: list[Case]) -> Case:
    """File number ``index``: made by hand, or a sound one changed at random."""
    if index < len(crafted):
        return crafted[index]
    random = np.random.default_rng([seed, index])
    chosen = sound[index % len(sound)]
    if chosen.suffix == "npz" and random.random() < 0.7:
        content = _changed_inside(chosen.content, random)
    else:
        content = _changed(chosen.content, random, [other.content for other in sound if other.suffix == chosen.suffix])
    return Case(f"{chosen.name}, changed", chosen.suffix, content)


def _changed(content: bytes, random: np.random.Generator, others: list[bytes]) -> bytes:
    made = bytearray(content)
    for _ in range(int(random.geometric(0.5))):
        # most of a header, all of the rest now and then
        at = int(random.integers(0, min(len(made), 200) if random.random() < 0.5 else len(made) or 1)) if made else 0
        length = int(random.geometric(0.05))
        kind = random.integers(9)
        if kind == 0 and made:
            made[at] ^= 1 << int(random.integers(8))
        elif kind == 1 and made:
            made[at] = int(random.integers(256))
        elif kind == 2:
            made[at:at] = random.integers(0, 256, length, np.uint8).tobytes()
        elif kind == 3:
            del made[at : at + length]
        elif kind == 4:
            made[at:at] = made[at : at + length] * int(random.integers(1, 60))
        elif kind == 5:
            del made[max(at, 1) :]
        elif kind == 6:
            word = _WORDS[random.integers(len(_WORDS))]
            made[at : at + len(word)] = word
        elif kind == 7:
            end = next((place for place in range(at, min(at + 20, len(made))) if made[place] in b" \n"), at)
            made[at:end] = _NUMBERS[random.integers(len(_NUMBERS))]
        else:
            other = others[random.integers(len(others))]
            start = int(random.integers(len(other)))
            made[at : at + length] = other[start : start + length]
    return bytes(made)


def _changed_inside(content: bytes, random: np.random.Generator) -> bytes:
    """An archive whose members are changed and whose sums are right."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            member = old.read(name)
            new.writestr(name, _changed(member, random, [member]) if random.random() < 0.6 else member)
    return buffer.getvalue()


def readers(suffix: str) -> list[Callable[[Path], Any]]:
    """All that the product does with a file of that kind before it is trusted."""

    def mesh(path: Path) -> None:
        fit.fit_to_canonical(meshes.read_mesh(path).vertices)

    return {
        "pkl": [safe_pickle.load_plain, flame_model.load_flame_model, mesh],
        "npz": [flame_model.load_flame_model, mesh],
        "obj": [mesh],
        "ply": [mesh],
        **{table: [lambda path: cues.read_cues(path, pipeline.emotions())] for table in ("csv", "srt", "vtt")},
    }.get(suffix, [audio.load_recording])


class Watch:
    """Sees through Python's audit events what a reader would run, write, remove or connect to."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._thread, self.seen = str(folder), None, []
        sys.addaudithook(self._hook)

    def start(self) -> None:
        self.seen, self._thread = [], threading.get_ident()

    def stop(self) -> list[str]:
        self._thread = None
        return self.seen

    def _hook(self, event: str, arguments: tuple) -> None:
        if self._thread != threading.get_ident():
            return
        harmful = event.startswith(_FORBIDDEN) and event not in _HARMLESS
        if event == "open":
            path, mode, flags = arguments
            harmful = bool((flags or 0) & _WRITING or set(mode or "") & set("wax+")) and path != os.devnull
        if harmful or event in ("exec", "import", "pickle.find_class", "sys.setprofile", "sys.settrace"):
            self.seen.append(f"{event} {arguments!r}"[:200])


def worker(start: int, stop: int, step: int, seed: int) -> None:
    """Read every ``step``-th file from ``start`` on and tell the parent, a line each."""
    sound, crafted = sound_cases(), [Case(*made) for made in hostile_files.crafted()]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.chdir(folder)
        for made in sound:  # imports and caches happen now, unwatched
            _read(made, folder, None, -1)
        watch = Watch(folder)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + _SAFETY_NET,) * 2)
        for index in range(start, stop, step):
            made = case(index, seed, sound, crafted)
            print(f"begin {index} {made.suffix} {made.name}", flush=True)
            signal.setitimer(signal.ITIMER_PROF, HANGING_SECONDS)  # ends the process
            outcome = _read(made, folder, watch, index)
            for fault in outcome.faults:
                print(f"fault {fault}", flush=True)
            print(f"end {index} {int(outcome.refused)} {outcome.seconds:.3f} {outcome.peak}", flush=True)


def _read(made: Case, folder: Path, watch: Watch | None, index: int) -> Outcome:
    path = folder / f"file.{made.suffix}"
    path.write_bytes(made.content)
    outcome = Outcome(index, made.name, False, 0.0, 0)
    for reader in readers(made.suffix):
        before = _memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        started = time.process_time()
        if watch:
            watch.start()
        try:
            reader(path)
        except TalkerError as error:
            outcome.refused = True
            if len(str(error).splitlines()) != 1 or len(str(error)) > 600:
                outcome.faults.append(f"no single line: {str(error)!r:.200}")
        except BaseException as error:
            outcome.faults.append(f"{type(error).__name__} in place of TalkerError: {error!r:.300}".replace("\n", " "))
        seen = watch.stop() if watch else []
        outcome.faults += [f"it did: {event}" for event in seen]
        outcome.seconds = max(outcome.seconds, time.process_time() - started)
        outcome.peak = max(outcome.peak, _memory("VmHWM") - before)
    if {entry.name for entry in folder.iterdir()} != {path.name}:
        outcome.faults.append(f"it left files: {sorted(entry.name for entry in folder.iterdir())}")
    path.unlink()
    if outcome.seconds > MOST_SECONDS and "FUZZ_UNTIMED" not in os.environ:
        outcome.faults.append(f"it took {outcome.seconds:.1f} s of processor time")
    if outcome.peak > MOST_BYTES:
        outcome.faults.append(f"it took {outcome.peak >> 20} MB")
    return outcome


def _memory(line: str) -> int:
    found = next(text for text in Path("/proc/self/status").read_text().splitlines() if text.startswith(line + ":"))
    return int(found.split()[1]) << 10


def watched(start: int, stop: int, step: int, seed: int) -> Iterator[Outcome]:
    """Outcomes of a worker process; one that dies or hangs is a fault of its file, and another goes on after it."""
    while start < stop:
        command = [sys.executable, __file__, "--worker", *map(str, (start, stop, step, seed))]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        assert process.stdout is not None and process.stderr is not None
        told: list[str] = []
        reader = threading.Thread(target=told.extend, args=(process.stderr,), daemon=True)
        reader.start()
        timer = threading.Timer(STUCK_SECONDS, process.kill)
        timer.start()
        current: Outcome | None = None
        for line in process.stdout:
            word, _, rest = line.rstrip("\n").partition(" ")
            timer.cancel()
            timer = threading.Timer(STUCK_SECONDS, process.kill)
            timer.start()
            if word == "begin":
                number, _, name = rest.partition(" ")
                current = Outcome(int(number), name, False, 0.0, 0)
            elif word == "fault" and current:
                current.faults.append(rest)
            elif word == "end" and current:
                _, refused, seconds, peak = rest.split()
                current.refused, current.seconds, current.peak = refused == "1", float(seconds), int(peak)
                if told:
                    current.faults.append(f"it wrote on standard error: {told[0].strip()[:200]}")
                    told.clear()
                yield current
                start, current = current.index + step, None
        timer.cancel()
        status = process.wait()
        reader.join()
        if current:
            how = (
                "hung"
                if status in (-signal.SIGKILL, -signal.SIGPROF)
                else f"died with status {status}: {''.join(told).strip()[-300:]}"
            )
            current.faults.append(f"the reader {how}")
            yield current
            start = current.index + step
        elif status:
            raise RuntimeError(f"a worker failed: {''.join(told).strip()[-2000:]}")


def run(count: int, seed: int, workers: int, keep: Path | None = None) -> tuple[list[Outcome], str]:
    """All outcomes with faults, and the verdict in one line. ``keep``: a folder for the files at fault."""
    started, outcomes = time.perf_counter(), []
    lock = threading.Lock()
    errors: list[BaseException] = []

    def collect(first: int) -> None:
        try:
            for outcome in watched(first, count, workers, seed):
                with lock:
                    outcomes.append(outcome)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=collect, args=(first,)) for first in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    guilty = sorted((outcome for outcome in outcomes if outcome.faults), key=lambda outcome: outcome.index)
    if keep and guilty:
        keep.mkdir(parents=True, exist_ok=True)
        sound, crafted = sound_cases(), [Case(*made) for made in hostile_files.crafted()]
        for outcome in guilty:
            made = case(outcome.index, seed, sound, crafted)
            (keep / f"{seed}_{outcome.index}.{made.suffix}").write_bytes(made.content)
    slowest, largest = (max(outcomes, key=key) for key in (lambda o: o.seconds, lambda o: o.peak))
    refused = sum(outcome.refused for outcome in outcomes)
    verdict = (
        f"{len(outcomes)} files, seed {seed}, {time.perf_counter() - started:.0f} s: {refused} refused, "
        f"{len(outcomes) - refused} read, {len(guilty)} at fault; at most {slowest.seconds:.2f} s ({slowest.name}) and "
        f"{largest.peak >> 20} MB ({largest.name})"
    )
    return guilty, verdict


def main() -> int:
    if sys.argv[1:2] == ["--worker"]:
        worker(*map(int, sys.argv[2:]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="files (10000)")
    parser.add_argument("--seed", type=int, default=0, help="another number, other files (0)")
    parser.add_argument("--workers", type=int, default=min(os.cpu_count() or 1, 8), help="processes (one a core)")
    arguments = parser.parse_args()
    guilty, verdict = run(arguments.count, arguments.seed, arguments.workers, ROOT / "out" / "fuzz")
    for outcome in guilty[:50]:
        print(f"fuzz: file {outcome.index} ({outcome.name}): {'; '.join(outcome.faults)}")
    print(f"fuzz: {verdict}")
    return 1 if guilty else 0


if __name__ == "__main__":
    sys.exit(main())
