"""Pictures: files that a viewer opens, of the size and content asked for."""

import numpy as np
from face_shapes import NAMES, neutral_head, shape_deltas
from PIL import Image

from blendshape_talker import checkpoint
from blendshape_talker.training import plots
from blendshape_talker.training.geometry import facs as geometry


def test_loss_plot_is_a_picture(tmp_path):
    path = plots.plot_history({"step": [0, 10, 20], "reconstruction": [1.0, 0.1, 0.01]}, tmp_path / "loss.png")
    with Image.open(path) as picture:
        assert picture.format == "PNG" and min(picture.size) > 300


def test_geometry_map_shows_a_shape_in_colour(tmp_path):
    deltas = shape_deltas()
    deltas[NAMES.index("browInnerUp_L"), :, 1] = 0.001
    arrays = {
        "names": np.array(NAMES), "deltas": deltas, "neutral": neutral_head(),
        "identities": np.zeros((0, 5023, 3), np.float32), "faces": np.zeros((0, 3), np.int32),
    }  # fmt: skip
    facs = checkpoint.save(tmp_path / "facs.npz", geometry.KIND, {}, arrays)
    path = plots.plot_geometry_map(facs, tmp_path / "map.png")
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    last = pixels[:, 3 * pixels.shape[1] // 4 :].reshape(-1, 3)
    green = (last[:, 1] > 200) & (last[:, 0] < 160) & (last[:, 2] < 160)
    assert green.mean() > 0.4, "the whole face moves along y, which is green"
