"""Whisper's first layers: equal to a plain reading of their definition, in windows and whole."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from blendshape_talker.checkpoint import ASSETS
from blendshape_talker.errors import Cancelled, TalkerError
from blendshape_talker.speech import mel, whisper

SMALL = whisper.WhisperConfig(width=64, heads=4, layers=2)


def original_weights(config: whisper.WhisperConfig) -> dict[str, np.ndarray]:
    """Random weights under the names of Whisper's state dict."""
    generator = np.random.default_rng(0)
    width = config.width

    def draw(*shape):
        fan_in = int(np.prod(shape[1:])) or 1
        return (generator.normal(size=shape) / np.sqrt(fan_in)).astype(np.float16)

    weights = {"conv1.weight": draw(width, config.bands, 3), "conv1.bias": draw(width) * 0.1}
    weights |= {"conv2.weight": draw(width, width, 3), "conv2.bias": draw(width) * 0.1}
    shapes = {"attn.qkv": (3 * width, width), "attn.out": (width, width), "mlp.0": (4 * width, width)}
    shapes["mlp.2"] = (width, 4 * width)
    for index in range(config.layers):
        for name, shape in shapes.items():
            weights[f"blocks.{index}.{name}.weight"] = draw(*shape)
            weights[f"blocks.{index}.{name}.bias"] = 0.1 * draw(shape[0])
        for name in ("attn_ln", "mlp_ln"):
            weights[f"blocks.{index}.{name}.weight"] = 1 + 0.1 * draw(width)
            weights[f"blocks.{index}.{name}.bias"] = 0.1 * draw(width)
    return weights


def plain_forward(weights: dict[str, np.ndarray], config: whisper.WhisperConfig, mel: np.ndarray) -> np.ndarray:
    """The encoder written down once more, one head at a time."""
    w = {name: torch.from_numpy(values.astype(np.float32)) for name, values in weights.items()}
    x = functional.gelu(functional.conv1d(torch.from_numpy(mel.T)[None], w["conv1.weight"], w["conv1.bias"], padding=1))
    x = functional.gelu(functional.conv1d(x, w["conv2.weight"], w["conv2.bias"], stride=2, padding=1))[0].T
    half = config.width // 2
    frequency = np.exp(-np.log(10000) / (half - 1) * np.arange(half))
    angle = np.arange(len(x))[:, None] * frequency
    x = x + torch.from_numpy(np.concatenate([np.sin(angle), np.cos(angle)], 1).astype(np.float32))

    def norm(value, name):
        return functional.layer_norm(value, (config.width,), w[name + ".weight"], w[name + ".bias"])

    def linear(value, name):
        return value @ w[name + ".weight"].T + w[name + ".bias"]

    size = config.width // config.heads
    for index in range(config.layers):
        block = f"blocks.{index}."
        query, key, value = linear(norm(x, block + "attn_ln"), block + "attn.qkv").split(config.width, dim=1)
        heads = []
        for start in range(0, config.width, size):
            part = slice(start, start + size)
            heads.append(torch.softmax(query[:, part] @ key[:, part].T / np.sqrt(size), 1) @ value[:, part])
        x = x + linear(torch.cat(heads, 1), block + "attn.out")
        hidden = functional.gelu(linear(norm(x, block + "mlp_ln"), block + "mlp.0"))
        x = x + linear(hidden, block + "mlp.2")
    return x.numpy()


@pytest.fixture(scope="module")
def speech_like() -> np.ndarray:
    """Normalised log-mel of 14 s of noise and tones that swell like syllables."""
    generator = np.random.default_rng(2)
    time = np.arange(14 * 16000) / 16000
    swell = np.maximum(0, np.sin(2 * np.pi * 2.3 * time)) ** 2
    pitch = 120 + 40 * np.sin(2 * np.pi * 0.4 * time)
    voice = sum(np.sin(k * 2 * np.pi * np.cumsum(pitch) / 16000) / k for k in range(1, 20))
    return whisper.normalise(mel.log_mel(swell * voice * 0.1 + 0.001 * generator.normal(size=len(time))))


def test_equals_the_definition(tmp_path):
    original = original_weights(SMALL)
    np.savez(tmp_path / "original.npz", **original)
    arrays = whisper.pack(original, SMALL)
    assert arrays["conv2.weight"].dtype == np.int8 and arrays["block1.qkv.weight"].dtype == np.int8
    encoder = whisper.WhisperEncoder(SMALL, whisper.unpack(arrays))
    mel = np.random.default_rng(1).normal(size=(150, 80)).astype(np.float32)
    exact = plain_forward(original, SMALL, mel)
    ours = encoder.encode(mel)
    assert ours.shape == (75, 64)
    assert np.abs(ours - exact).mean() < 0.03 * np.abs(exact).mean()


def test_convert_writes_a_file_that_loads(tmp_path):
    config = whisper.WhisperConfig(layers=1)
    original = tmp_path / "original.npz"
    np.savez(original, **original_weights(config))
    whisper.convert(original, tmp_path / "encoder.npz", layers=1)
    encoder = whisper.WhisperEncoder.load(tmp_path / "encoder.npz")
    assert encoder.config == config
    assert encoder.encode(np.zeros((21, 80), np.float32)).shape == (11, 512)
    with pytest.raises(TalkerError, match="no such file"):
        whisper.convert(tmp_path / "nothing.npz", tmp_path / "out.npz")


def test_bundled_encoder_is_small_and_int8():
    assert (ASSETS / "whisper_encoder.npz").stat().st_size < 14e6
    assert whisper.WhisperEncoder.load().config == whisper.WhisperConfig()


def test_windows_agree_with_the_whole(speech_like):
    encoder = whisper.WhisperEncoder.load()
    whole = encoder.encode(speech_like, cut=whisper.EncoderWindows(60))
    parts = encoder.encode(speech_like)
    assert parts.shape == whole.shape == (700, 512)
    # positions differ between windows, so that they cannot be equal; what was said must be
    spread = whole - whole.mean(axis=0)
    assert np.sqrt(((parts - whole) ** 2).mean() / (spread**2).mean()) < 0.5
    assert np.corrcoef(parts.ravel(), whole.ravel())[0, 1] > 0.9
    np.testing.assert_array_equal(parts, encoder.encode(speech_like))
    # what comes after a window and its margin is not heard
    np.testing.assert_allclose(encoder.encode(speech_like[:900])[:400], parts[:400], atol=1e-3)


def test_windows_cover_everything_once():
    spans = whisper.windows(1234, 500, 50, 50)
    assert [(start, stop) for start, stop, _, _ in spans] == [(0, 500), (500, 1000), (1000, 1234)]
    assert [(first, last) for _, _, first, last in spans] == [(0, 550), (450, 1050), (950, 1234)]


def test_normalise_takes_out_the_level_and_survives_a_click():
    quiet = np.random.default_rng(3).normal(-3, 1, (500, 80)).astype(np.float32)
    np.testing.assert_allclose(whisper.normalise(quiet), whisper.normalise(quiet - 2), atol=1e-5)
    clicked = quiet.copy()
    clicked[100] += 5
    np.testing.assert_allclose(whisper.normalise(clicked)[200:], whisper.normalise(quiet)[200:], atol=0.05)
    silence = whisper.normalise(np.full((100, 80), -10, np.float32))
    assert np.isfinite(silence).all() and np.ptp(silence) == 0


def test_cancelling_and_progress(speech_like):
    encoder = whisper.WhisperEncoder.load()
    seen = []
    encoder.encode(speech_like, progress=lambda fraction, message: seen.append(fraction))
    assert seen == sorted(seen) and seen[-1] == 1
    with pytest.raises(Cancelled):
        encoder.encode(speech_like, cancelled=lambda: True)
