"""The benchmark's figures and the network it compares with; no time is asserted."""

import json

import torch

from blendshape_talker.training import benchmark


def test_figures_as_text_and_json(tmp_path):
    table = benchmark.run(tmp_path / "figures.json", seconds=(1.0, 2.0), faceformer_seconds=0.2, processes=1)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert len(table.splitlines()) == len(figures)
    for name in (
        "loading_s",
        "animate_times_realtime",
        "speech_network_times_faceformer",
        "stream_ms_per_0.1s_worst",
        "animate_frames_per_s_of_2s",
    ):
        assert name in table and figures[name] > 0


def test_faceformer_shape_decodes_frame_after_frame():
    network = benchmark.faceformer_shape()
    with torch.inference_mode():
        sound = torch.randn(1, 4000)
        frames = network(sound, 5)
        assert frames.shape == (5, 15069)
        # the first frame alone needs nothing of the later ones: that is what makes it autoregressive
        embedded = network.vertex_map.weight
        network.vertex_map.weight = torch.nn.Parameter(embedded * 2)
        again = network(sound, 5)
    torch.testing.assert_close(frames[0], again[0])
    assert (frames[1] - again[1]).abs().max() > 1e-4
