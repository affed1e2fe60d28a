"""A PyTorch of the user's own: what is refused unseen, what a process of its own finds, what is imported then."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from blendshape_talker import devices, own_torch
from blendshape_talker.errors import Cancelled, TalkerError

ROOT = Path(__file__).resolve().parents[1]
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


def folder_with(path: Path, version: str = "2.13.0+cu126", library: str = "", code: str = "") -> Path:
    """A folder with a package that calls itself torch."""
    package = path / "torch"
    package.mkdir(parents=True)
    (package / "version.py").write_text(f"__version__ = '{version}'\n")
    (package / "__init__.py").write_text(code or f"__version__ = '{version}'\n")
    if library:
        (package / library).touch()
    return path


@pytest.fixture
def same_torch(tmp_path) -> Path:
    """A folder with the PyTorch that the tests run with."""
    (tmp_path / "torch").symlink_to(Path(torch.__file__).parent, target_is_directory=True)
    return tmp_path


def test_a_folder_without_one(tmp_path):
    with pytest.raises(TalkerError, match=f"holds no PyTorch; fill it with: python{PYTHON} -m pip"):
        own_torch.check(tmp_path)
    assert own_torch.fingerprint(tmp_path) == ""


@pytest.mark.parametrize("library", ["_C.cpython-39-x86_64-linux-gnu.so", "_C.cp39-win_amd64.pyd"])
def test_one_for_another_python(tmp_path, library):
    with pytest.raises(TalkerError, match=rf"is for Python 3\.9, this Blender runs {PYTHON}; install it with python"):
        own_torch.check(folder_with(tmp_path, library=library))


def test_one_that_is_too_old(tmp_path):
    with pytest.raises(TalkerError, match=r"PyTorch 1\.13\.1 is too old; 2\.3 or later"):
        own_torch.check(folder_with(tmp_path, "1.13.1"))


def test_one_that_does_not_run(tmp_path):
    folder = folder_with(tmp_path, code="raise ImportError('libcudart.so.12: cannot open shared object file')")
    with pytest.raises(TalkerError, match="does not run .*libcudart.so.12") as refused:
        own_torch.check(folder)
    assert "\n" not in str(refused.value)
    assert Path(sys.modules["torch"].__file__).parent.parent != folder


def test_one_that_is_waited_for_in_vain_can_be_cancelled(tmp_path):
    with pytest.raises(Cancelled):
        own_torch.check(folder_with(tmp_path, code="import time; time.sleep(60)"), cancelled=lambda: True)


@pytest.mark.skipif(
    torch.cuda.is_available() or torch.backends.mps.is_available(), reason="needs a PyTorch without GPU"
)
def test_one_without_a_gpu_is_no_use(same_torch):
    with pytest.raises(TalkerError, match="is a CPU build|finds no GPU for CUDA"):
        own_torch.check(same_torch)


def test_one_that_agrees(same_torch):
    trial = own_torch.check(same_torch, needs_gpu=False)
    assert trial.version == torch.__version__ and trial.difference_mm is not None
    assert trial.difference_mm <= devices.AGREE_MM
    assert str(trial).startswith(f"PyTorch {torch.__version__} on ")
    assert own_torch.fingerprint(same_torch) == f"{same_torch} {torch.__version__} {PYTHON} {sys.platform}"


def test_only_torch_is_taken_from_the_folder_named_in_the_environment(tmp_path):
    folder = folder_with(tmp_path)
    (folder / "numpy").mkdir()
    (folder / "numpy" / "__init__.py").write_text("raise ImportError")
    (folder / "needed_by_torch.py").write_text("")
    program = (
        "import blendshape_talker, torch, numpy, needed_by_torch; from blendshape_talker import own_torch;"
        "print(torch.__file__, own_torch.version_in_use(), own_torch.use(''), sep='|')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, own_torch.VARIABLE: str(folder)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == f"{folder / 'torch' / '__init__.py'}|2.13.0+cu126|True"
