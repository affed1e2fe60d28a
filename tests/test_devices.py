"""Devices: chosen, described, and what happens where one fails. The device that fails here is PyTorch's ``meta``: it
knows shapes and no numbers, so that whatever is computed on it works until something is copied out of it."""

import dataclasses
import re

import numpy as np
import pytest
import torch

from blendshape_talker import devices
from blendshape_talker.checkpoint import ASSETS
from blendshape_talker.errors import TalkerError
from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.fusion import FusionModel
from blendshape_talker.networks import Networks
from blendshape_talker.pipeline import Talker
from blendshape_talker.speech import model, whisper
from blendshape_talker.speech.model import SpeechModel

RECORDING = ASSETS / "demo_speech.flac"
SOUND = np.random.default_rng(0).normal(0, 0.1, 16000 * 6).astype(np.float32)


@pytest.fixture(scope="module")
def on_cpu() -> Talker:
    return Talker.load("cpu")


def on_meta() -> Talker:
    networks = SpeechModel.load(device="meta"), FusionModel.load(device="meta")
    return Talker(Networks(*networks, ExpressionLibrary.load(), "meta"))


def test_unknown_device_is_refused():
    with pytest.raises(TalkerError, match="auto, cpu"):
        devices.choose_device("tpu")


def test_a_device_that_is_not_there_is_refused():
    missing = [name for name, there in devices.available().items() if not there]
    for name in missing:
        with pytest.raises(TalkerError, match=f"{name} is not available here; choose auto or cpu"):
            devices.choose_device(name)
    assert devices.available()["cpu"] and devices.choose_device("auto") not in missing


def test_the_cpu_says_what_it_is():
    cpu = devices.describe("cpu")
    assert str(cpu) == f"CPU, {torch.get_num_threads()} threads" and cpu.memory_gb is None
    assert str(devices.Device("cuda", "NVIDIA Something", 23.7)) == "NVIDIA Something, 24 GB"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity", "CUDA out of memory"),
        (
            "CUDA error: no kernel image is available\nCUDA kernel errors might",
            "CUDA error: no kernel image is available",
        ),
        ("", "RuntimeError"),
        ("x" * 500, "x" * 120),
    ],
)
def test_reason_is_the_drivers_first_sentence(message, reason):
    assert devices.reason_of(RuntimeError(message)) == reason


def test_full_precision_is_taken_back():
    def switches():
        return torch.backends.cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision

    before = switches()
    with pytest.raises(ValueError), devices.full_precision("cuda"):
        assert switches() == ("ieee", "ieee")
        raise ValueError
    with devices.full_precision("cpu"):
        assert switches() == before
    assert switches() == before


def test_nothing_leaves_the_device_from_samples_to_coefficients(on_cpu):
    heard = []
    moved = SpeechModel.load(device="meta").move(SOUND, progress=lambda fraction, message: heard.append(fraction))
    assert moved.device.type == "meta" and moved.shape == (6 * 60, on_cpu.networks.speech_model.config.coefficients)
    assert heard[-1] == 1.0


@pytest.mark.parametrize("kind", ["speech", "expression"])
def test_weights_are_the_first_that_leaves_the_device(kind):
    model = FusionModel.load(device="meta")
    basis = SpeechModel.load().basis if kind == "speech" else ExpressionLibrary.load().basis
    coefficients = torch.empty(3000, len(basis), device="meta")
    done = []
    with pytest.raises(NotImplementedError, match="copy out of meta"):
        model.weights(coefficients, basis, kind, progress=lambda fraction, message: done.append(fraction))
    assert done[-1] == 1.0


def test_many_stretches_at_once_give_what_one_by_one_gives(on_cpu, monkeypatch):
    monkeypatch.setattr(model, "BLOCK_SECONDS", 1)
    short = whisper.EncoderWindows(core=1.0, past=0.5, ahead=0.5)
    apart = on_cpu.networks.speech_model.coefficients(SOUND, cut=short)
    for module in (model, whisper):
        monkeypatch.setattr(module, "batch_size", lambda device: 16)
    together = on_cpu.networks.speech_model.coefficients(SOUND, cut=short)
    assert (together != apart).any()  # another order of sums: they did go together
    moved = np.tensordot(together - apart, on_cpu.networks.speech_model.basis, 1)
    assert 1e3 * np.abs(moved).max() < 1e-3  # mm


def test_batches_keep_the_order_and_one_shape():
    batches = list(whisper.in_batches([1, 1, 1, 2, 2, 1], 2, lambda piece: piece))
    assert batches == [[1, 1], [1], [2, 2], [1]]


def test_a_device_that_fails_midway_hands_over_to_the_cpu(on_cpu):
    talker = on_meta()
    animation = talker.animate(RECORDING, "happy", fps=24)
    expected = on_cpu.animate(RECORDING, "happy", fps=24)
    assert talker.networks.device == "cpu"
    (line,) = set(animation.warnings) - set(expected.warnings)
    assert line.startswith("meta failed (Cannot copy out of meta tensor") and "\n" not in line
    for field in dataclasses.fields(animation):
        if field.name not in ("warnings", "cue_takes"):
            np.testing.assert_array_equal(getattr(animation, field.name), getattr(expected, field.name))
    assert animation.cues == expected.cues
    for ours, theirs in zip(animation.cue_takes, expected.cue_takes, strict=True):
        assert ours.first == theirs.first
        np.testing.assert_array_equal(ours.weights, theirs.weights)
    assert talker.animate(RECORDING, fps=24).warnings == expected.warnings


def test_a_cue_alone_hands_over_as_well(on_cpu):
    talker, cue = on_meta(), on_cpu.animate(RECORDING, "happy", fps=24).cues[0]
    np.testing.assert_array_equal(
        talker.cue_weights(cue, np.arange(9) / 24), on_cpu.cue_weights(cue, np.arange(9) / 24)
    )
    assert talker.networks.device == "cpu"


def test_the_cpu_itself_fails_with_its_own_error(on_cpu, monkeypatch):
    monkeypatch.setattr(on_cpu.networks.fusion_model, "weights", lambda *_, **__: torch.zeros(2) + torch.zeros(3))
    with pytest.raises(RuntimeError, match="size of tensor"):
        on_cpu.animate(RECORDING)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_fails_while_it_loads_hands_over_to_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    talker = Talker.load("cuda")
    monkeypatch.undo()
    assert talker.networks.device == "cpu"
    (line,) = (line for line in talker.animate(RECORDING, fps=24).warnings if "took over" in line)
    assert re.match(r"cuda failed \(.*(CUDA|NVIDIA).*\), so the CPU took over", line)


def test_a_kind_of_number_that_metal_lacks_hands_over_as_well(on_cpu):
    networks = Networks.load("cpu")
    networks.device, failures = "mps", [TypeError("Cannot convert a MPS Tensor to float64 dtype. It has none")]

    def work() -> str:
        if failures:
            raise failures.pop()
        return networks.device

    assert networks.held(work) == "cpu"
    assert "Cannot convert a MPS Tensor to float64 dtype" in networks.fallback


def test_a_card_that_does_not_answer_has_a_name(monkeypatch):
    def silent(index: int):
        raise RuntimeError("CUDA error: unknown error")

    monkeypatch.setattr(torch.cuda, "get_device_properties", silent)
    assert str(devices.describe("cuda")) == "CUDA device"
