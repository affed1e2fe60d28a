"""The cache of features: whole files only, and one line for a broken one."""

import numpy as np
import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.training.speech.data import FeatureCache


def test_a_stop_while_a_file_is_written_leaves_none(tmp_path, monkeypatch):
    cache = FeatureCache(tmp_path, {"seed": 0})

    def cut_short(stream, array):
        stream.write(b"\x93NUMPY")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(np, "save", cut_short)
        cache.get("0/take", lambda: np.ones((2, 3)))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "cache.json"]
    np.testing.assert_array_equal(cache.get("0/take", lambda: np.ones((2, 3))), np.ones((2, 3), np.float16))
    np.testing.assert_array_equal(cache.get("0/take", lambda: np.zeros((2, 3))), np.ones((2, 3), np.float16))


def test_a_broken_record_of_the_settings_is_one_line(tmp_path):
    (tmp_path / "cache.json").write_text("")
    with pytest.raises(TalkerError, match=r"cache\.json"):
        FeatureCache(tmp_path, {"seed": 0})
