"""Every reader against files made to harm, and a small seeded run of damaged ones; ``build.py fuzz`` runs many."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

import fuzz  # noqa: E402
import hostile_files  # noqa: E402

CRAFTED = sum(1 for _ in hostile_files.crafted())

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is watched through /proc")


def test_made_and_damaged_files_get_one_line_and_harm_nothing(monkeypatch):
    monkeypatch.setenv("FUZZ_UNTIMED", "1")  # a busy machine must not fail a test
    guilty, verdict = fuzz.run(CRAFTED + 150, seed=1, workers=2)
    assert not guilty, [f"{outcome.name}: {outcome.faults}" for outcome in guilty]
    assert verdict.startswith(f"{CRAFTED + 150} files, seed 1"), "none was left out"


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("os.system('true')", "it did: os.system"),
        ("open('RAN.txt', 'w').close()", "it did: open"),
        ("import pickle; pickle.loads(b'cbuiltins\\nlen\\n.')", "it did: pickle.find_class"),
        ("raise RecursionError", "RecursionError in place of TalkerError"),
        ("raise errors.TalkerError('two\\nlines')", "no single line"),
        ("list(range(30_000_000))", "MB"),
    ],
)
def test_the_watch_sees_what_it_is_for(tmp_path, code, fault):
    program = (
        "import os, sys, pathlib\n"
        f"sys.path.insert(0, {str(TESTS)!r})\n"
        "import fuzz\n"
        "from blendshape_talker import errors\n"
        f"def reader(path):\n    {code}\n"
        "fuzz.readers = lambda suffix: [reader]\n"
        "watch = fuzz.Watch(pathlib.Path('.'))\n"
        "print(fuzz._read(fuzz.Case('x', 'obj', b'x'), pathlib.Path('.'), watch, 0).faults)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120,
        env={**os.environ, "FUZZ_UNTIMED": "1"},
    )  # fmt: skip
    assert fault in done.stdout, done.stderr


def test_the_same_number_gives_the_same_files():
    sound = fuzz.sound_cases()
    first, again, other = (fuzz.case(10**6, seed, sound, []).content for seed in (1, 1, 2))
    assert first == again != other
