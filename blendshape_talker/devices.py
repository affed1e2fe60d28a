"""Where the networks run: the CPU, or a GPU that PyTorch finds; what it is called, and arithmetic without shortcuts."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from . import collector
from .errors import TalkerError

DEVICES = ("auto", "cpu", "cuda", "mps")
AGREE_MM = 1e-3  # within which results of two devices are the same
# What PyTorch raises where a device lacks memory, an operation or a driver that answers; a lack of CUDA is asserted,
# a kind of number that Metal does not have is a TypeError.
FAILURES = (RuntimeError, AssertionError, TypeError)


@dataclass(frozen=True)
class Device:
    """name: PyTorch's, ``cuda``; label: the maker's; memory_gb: its own, None where it shares the computer's."""

    name: str
    label: str
    memory_gb: float | None = None

    def __str__(self) -> str:
        return self.label + (f", {self.memory_gb:.0f} GB" if self.memory_gb else "")


def available() -> dict[str, bool]:
    """Which of :data:`DEVICES` PyTorch can use; imports it. :class:`TalkerError` where that fails."""
    try:
        with collector.at_rest():
            import torch
    except (ImportError, OSError) as error:
        raise TalkerError(f"PyTorch cannot be loaded ({error}); install the extension made for this system") from error
    return {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}


def choose_device(name: str) -> str:
    """Turn ``auto`` into the best device there is; a :class:`TalkerError` when the named one is not available."""
    if name not in DEVICES:
        raise TalkerError(f"no device {name!r}; choose one of {', '.join(DEVICES)}")
    there = available()
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if there[device])
    if not there[name]:
        raise TalkerError(f"device {name} is not available here; choose auto or cpu")
    return name


def describe(name: str) -> Device:
    """A device that :func:`available` has, by its maker's name; a GPU that does not answer by PyTorch's."""
    import torch

    if name == "cuda":
        try:
            about = torch.cuda.get_device_properties(0)
        except FAILURES:
            return Device(name, "CUDA device")
        return Device(name, about.name, about.total_memory / 2**30)
    if name == "mps":
        return Device(name, "Apple graphics processor")
    return Device(name, f"CPU, {torch.get_num_threads()} threads")


def reason_of(error: BaseException) -> str:
    """The first sentence of what a driver says, which may go on for a page."""
    sentence = re.split(r"\.\s|\n", str(error).strip())[0].rstrip(".")
    return sentence[:120] or type(error).__name__


def release_memory() -> None:
    """Give back what PyTorch keeps of a GPU's memory for itself, as far as the GPU still answers."""
    import torch

    with suppress(RuntimeError):
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if torch.backends.mps.is_available():
            torch.mps.empty_cache()


@contextmanager
def full_precision(device: str) -> Iterator[None]:
    """Around networks on ``device``: float32 throughout, so that a GPU gives the CPU's result.

    CUDA's convolutions otherwise keep 10 bits of each number (TF32), and attention has kernels of its own there.
    """
    if device == "cpu":
        yield
        return
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    cudnn: Any = torch.backends.cudnn
    matmul: Any = torch.backends.cuda.matmul
    exact: str | bool
    if hasattr(getattr(cudnn, "conv", None), "fp32_precision"):
        places, switch, exact = (matmul, cudnn.conv), "fp32_precision", "ieee"
    else:  # PyTorch before 2.9
        places, switch, exact = (matmul, cudnn), "allow_tf32", False
    before = [getattr(place, switch) for place in places]
    for place in places:
        setattr(place, switch, exact)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        for place, value in zip(places, before, strict=True):
            setattr(place, switch, value)
