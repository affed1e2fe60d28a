"""The map of the ablation without geometric mapping."""

import numpy as np

from blendshape_talker.training.fusion.frames import FileOrderMap


def test_file_order_map_holds_every_vertex_once():
    deltas = np.random.default_rng(0).standard_normal((2, 5023, 3)).astype(np.float32)
    images = FileOrderMap().to_image(deltas)
    assert images.shape == (2, 3, 72, 72)
    np.testing.assert_array_equal(images.reshape(2, 3, -1)[:, :, :5023], np.moveaxis(deltas, 2, 1))
