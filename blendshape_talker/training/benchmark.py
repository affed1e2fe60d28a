"""How fast the product is, and how fast FaceFormer's shape of network would be on the same machine."""

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..checkpoint import ASSETS
from ..devices import choose_device, describe
from ..errors import TalkerError
from ..job import Progress
from ..speech.audio import SAMPLE_RATE
from .figures import demo_recording, demo_samples, table, timed

if TYPE_CHECKING:
    import torch

_LOADING = """
import sys, time
start = time.perf_counter()
from blendshape_talker.pipeline import Talker
Talker.load(sys.argv[1])
print("FIGURE loading_s", time.perf_counter() - start)
"""


def run(
    json_path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    device: str = "cpu",
    seconds: Sequence[float] = (60.0,),
    faceformer_seconds: float = 5.0,
    processes: int = 3,
) -> str:
    """Time loading in new processes, the whole path on ``seconds`` of speech, and FaceFormer's shape; a table as text.

    The speech is the bundled demo recording, repeated; of several lengths the first is the one that all figures are
    about, each has its frames a second. ``faceformer_seconds``: length for the autoregressive network, whose cost grows
    with the square of it (FaceFormer itself stops at 600 frames). :class:`TalkerError` where the device is not there or
    fails: the CPU's figures under its name would be untrue.
    """
    report = progress or (lambda fraction, message: None)
    report(0.0, "Loading in new processes")
    device = choose_device(device)
    figures: dict[str, float | int | str] = {"device": str(describe(device)), "cores": os.cpu_count() or 1}
    figures |= timed("loading", _LOADING, device, runs=processes)
    report(0.3, f"Animating {seconds[0]:g} s of speech")
    figures |= _time_animate(device, seconds)
    report(0.7, f"FaceFormer's shape of network on {faceformer_seconds:g} s")
    rate = _faceformer_rate(faceformer_seconds, device)
    figures["faceformer_shape_frames_per_s"] = rate
    figures["speech_network_times_faceformer"] = float(figures["speech_network_frames_per_s"]) / rate
    report(1.0, "Measured")
    return table(figures, json_path, digits=2)


def _time_animate(device: str, lengths: Sequence[float]) -> dict[str, float]:
    """Seconds of the whole path and of the speech network alone, and of its stream, after one short run to warm up."""
    from ..pipeline import Talker

    took, rates = [], {}
    talker = Talker.load(device)
    talker.animate(ASSETS / "demo_speech.flac", "happy")
    for length in lengths:
        with demo_recording(length) as path:
            start = time.perf_counter()
            animation = talker.animate(path, "happy")
            took.append(time.perf_counter() - start)
        rates[f"animate_frames_per_s_of_{length:g}s"] = animation.frame_count / took[-1]
    if talker.networks.device != device:
        raise TalkerError(f"{device} failed and the CPU took over; benchmark --device cpu measures that")
    seconds, whole = lengths[0], took[0]
    samples = demo_samples(seconds)
    start = time.perf_counter()
    talker.networks.speech_model.coefficients(samples)
    speech = time.perf_counter() - start
    stream = talker.networks.speech_model.stream()
    blocks = []
    for first in range(0, len(samples), SAMPLE_RATE // 10):
        start = time.perf_counter()
        stream.push(samples[first : first + SAMPLE_RATE // 10])
        blocks.append(1000 * (time.perf_counter() - start))
    return {
        "recording_s": float(seconds),
        "animate_s": whole,
        "animate_times_realtime": seconds / whole,
        **rates,
        "speech_network_s": speech,
        "speech_network_frames_per_s": round(seconds * 60) / speech,
        "stream_look_ahead_s": stream.look_ahead_seconds,
        "stream_ms_per_0.1s_mean": float(np.mean(blocks)),
        "stream_ms_per_0.1s_worst": max(blocks),
    }


def _faceformer_rate(seconds: float, device: str) -> float:
    """Frames a second of FaceFormer's shape of network on ``seconds`` of sound, 60 frames each."""
    import torch

    network = faceformer_shape().to(device)
    frames = round(seconds * 60)
    with torch.inference_mode():
        sound = torch.randn(1, round(seconds * SAMPLE_RATE), device=device)
        start = time.perf_counter()
        network(sound, frames).cpu()
        return frames / (time.perf_counter() - start)


def faceformer_shape() -> "torch.nn.Module":
    """FaceFormer (Fan et al. 2022) as it runs on VOCASET, with random weights: ``network(sound (1,N), frames T) ->
    (T,15069)``.

    wav2vec 2.0 base (7 convolutions, 12 layers of 768) over the sound, then one decoder layer of width 64 that
    computes every frame so far again for each new one.
    """
    import torch
    from torch import nn
    from torch.nn import functional

    class FaceFormerShape(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = [(10, 5), *[(3, 2)] * 4, *[(2, 2)] * 2]
            channels = [1, *[512] * 7]
            self.convolutions = nn.ModuleList(
                nn.Conv1d(channels[i], 512, kernel, stride) for i, (kernel, stride) in enumerate(sizes)
            )
            self.widen = nn.Linear(512, 768)
            layer = nn.TransformerEncoderLayer(768, 12, 3072, activation="gelu", batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)
            self.audio_map = nn.Linear(768, 64)
            self.vertex_map = nn.Linear(15069, 64)
            self.decoder = nn.TransformerDecoderLayer(64, 4, 128, batch_first=True)
            self.vertex_out = nn.Linear(64, 15069)

        def forward(self, sound: torch.Tensor, frames: int) -> torch.Tensor:
            x = sound[:, None]
            for convolution in self.convolutions:
                x = functional.gelu(convolution(x))
            x = functional.interpolate(x, size=frames, mode="linear", align_corners=True)
            audio = self.audio_map(self.encoder(self.widen(x.transpose(1, 2))))
            embedded = sound.new_zeros(1, 1, 64)
            vertices = sound.new_zeros(1, 1, 15069)
            for _ in range(frames):
                length = embedded.shape[1]
                later = torch.triu(sound.new_full((length, length), float("-inf")), 1)
                apart = sound.new_full((length, frames), float("-inf")).fill_diagonal_(0.0)
                hidden = self.decoder(embedded, audio, tgt_mask=later, memory_mask=apart)
                vertices = self.vertex_out(hidden)
                embedded = torch.cat([embedded, self.vertex_map(vertices[:, -1:])], dim=1)
            return vertices[0]

    torch.manual_seed(0)
    return FaceFormerShape().eval()
