"""The speech network's entries of the command line."""

import numpy as np
import pytest

from blendshape_talker import __main__ as command_line
from blendshape_talker.speech import whisper


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["corpus", "encoder", "--whisper", "none.npz", "--out", "out.npz"], "none.npz"),
        (["evaluate", "speech", "--corpus", "nowhere"], "nowhere"),
        (["evaluate", "people", "--corpus", "nowhere"], "nowhere"),
        (["train", "speech", "--corpus", "nowhere", "--out", "speech.npz", "--cache", "cache"], "nowhere"),
        (["train", "speech", "--corpus", "nowhere", "--out", "speech.pt", "--cache", "cache"], "npz"),
    ],
)
def test_errors_are_one_line(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command_line.main(arguments) == 1
    error = capsys.readouterr().err.strip().splitlines()
    assert words in error[-1] and "Traceback" not in "".join(error)
    assert list(tmp_path.iterdir()) == []


def test_encoder_is_written(capsys, tmp_path):
    width = whisper.WhisperConfig().width
    generator = np.random.default_rng(0)
    shapes = {"conv1.weight": (width, 80, 3), "conv1.bias": (width,), "conv2.weight": (width, width, 3)}
    shapes |= {"conv2.bias": (width,)}
    linear = {"attn.qkv": (3 * width, width), "attn.out": (width, width), "mlp.0": (4 * width, width)}
    for name, shape in (linear | {"mlp.2": (width, 4 * width)}).items():
        shapes |= {f"blocks.0.{name}.weight": shape, f"blocks.0.{name}.bias": shape[:1]}
    for name in ("attn_ln", "mlp_ln"):
        shapes |= {f"blocks.0.{name}.weight": (width,), f"blocks.0.{name}.bias": (width,)}
    np.savez(tmp_path / "original.npz", **{name: generator.normal(size=shape) for name, shape in shapes.items()})
    out = tmp_path / "encoder.npz"
    arguments = ["corpus", "encoder", "--whisper", tmp_path / "original.npz", "--out", out, "--layers", "1"]
    assert command_line.main([str(argument) for argument in arguments]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert whisper.WhisperEncoder.load(out).config.layers == 1
