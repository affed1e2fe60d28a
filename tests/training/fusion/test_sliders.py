"""Sizes of blendshapes."""

import numpy as np

from blendshape_talker.training.fusion.sliders import slider_scale


def test_slider_scale_turns_the_longer_side_up():
    weights = np.array([[0.0, -4.0, 0.0], [2.0, 1.0, 0.0]] * 200)
    np.testing.assert_allclose(slider_scale(weights), [2.0, -4.0, 1.0])
