"""What an animation is with parts left out, its file, and the lips' opening of a shape."""

import numpy as np
import pytest

from blendshape_talker.animation import Animation
from blendshape_talker.errors import TalkerError


def small_animation():
    generator = np.random.default_rng(0)
    return Animation(
        fps=25.0,
        times=np.arange(1300) / 25.0,
        speech_weights=generator.random((1300, 2)).astype(np.float32),
        expression_weights=generator.random((1300, 1)).astype(np.float32),
        names=("speech a", "speech b", "expression c"),
        blendshapes=generator.normal(size=(3, 5, 3)).astype(np.float32),
    )


def test_an_animation_without_blinks_need_not_speak_of_them():
    animation = small_animation()
    assert animation.blink_closure.shape == (1300,) and animation.blink_weights.shape == (1300, 1)
    np.testing.assert_array_equal(animation.emotion_weights, animation.expression_weights)


def test_save_writes_the_documented_keys_block_by_block(tmp_path):
    animation = small_animation()
    path = animation.save(tmp_path / "weights.npz", displacements=True)
    with np.load(path, allow_pickle=False) as read:
        weights = {"speech_weights", "expression_weights", "displacements"}
        assert set(read.files) == {"fps", "times", "names", "head_rotation", "eye_rotation", *weights}
        assert float(read["fps"]) == 25.0 and tuple(read["names"]) == animation.names
        assert read["displacements"].dtype == np.float32
        np.testing.assert_allclose(read["displacements"], animation.displacements(), atol=1e-6)
    assert "displacements" not in np.load(animation.save(tmp_path / "small.npz"), allow_pickle=False).files


def test_failed_save_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(Animation, "_write_displacements", lambda self, archive: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        small_animation().save(tmp_path / "weights.npz", displacements=True)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TalkerError, match="no such folder"):
        small_animation().save(tmp_path / "none" / "weights.npz")
