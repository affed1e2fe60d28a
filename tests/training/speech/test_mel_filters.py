"""The bundled mel filters are librosa's, and the log-mel spectrogram made with them is what librosa makes."""

import librosa
import numpy as np

from blendshape_talker import checkpoint
from blendshape_talker.speech import audio, mel
from blendshape_talker.training.speech import mel_filters


def test_the_asset_is_what_the_command_writes(tmp_path):
    mel_filters.write_mel_filters(tmp_path / "mel_filters.npz")
    bundled = checkpoint.ASSETS / "mel_filters.npz"
    assert bundled.stat().st_size < 8000
    config, arrays = checkpoint.load(bundled, mel.MEL_KIND)
    written_config, written = checkpoint.load(tmp_path / "mel_filters.npz", mel.MEL_KIND)
    assert config == written_config and arrays.keys() == written.keys()
    np.testing.assert_allclose(arrays["filters"], written["filters"], rtol=1e-6)


def test_the_asset_equals_librosas_filters():
    config, arrays = checkpoint.load(checkpoint.ASSETS / "mel_filters.npz", mel.MEL_KIND)
    expected = librosa.filters.mel(sr=16000, n_fft=400, n_mels=80, htk=False, norm="slaney")
    assert arrays["filters"].dtype == np.float32 and arrays["filters"].shape == (80, 201)
    np.testing.assert_allclose(arrays["filters"], expected, rtol=1e-6)
    assert (config["sample_rate"], config["fft"], config["bands"]) == (16000, 400, 80)


def test_log_mel_equals_librosas_spectrogram():
    samples = audio.load_recording(checkpoint.ASSETS / "demo_speech.flac").samples
    power = librosa.feature.melspectrogram(
        y=samples, sr=16000, n_fft=400, hop_length=160, n_mels=80, power=2.0, center=True, pad_mode="reflect"
    )
    expected = np.log10(np.maximum(power, 1e-10)).T[: len(samples) // 160]
    np.testing.assert_allclose(mel.log_mel(samples), expected, atol=2e-4)
