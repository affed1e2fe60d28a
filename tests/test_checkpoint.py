import json

import numpy as np
import pytest

from blendshape_talker import checkpoint
from blendshape_talker.errors import TalkerError


def test_round_trip_keeps_arrays_dtypes_and_config(tmp_path):
    arrays = {"weight": np.arange(6, dtype=np.float16).reshape(2, 3), "index": np.array([3, 1], np.int32)}
    path = checkpoint.save(tmp_path / "net.npz", "toy network", {"width": 3, "names": ["a", "b"]}, arrays)
    config, read = checkpoint.load(path, "toy network")
    assert config == {"width": 3, "names": ["a", "b"]}
    assert set(read) == set(arrays)
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)


def test_equal_content_gives_equal_bytes(tmp_path):
    first = checkpoint.save(tmp_path / "a.npz", "toy", {"b": 1, "a": 2}, {"x": np.ones(3), "y": np.zeros(2)})
    second = checkpoint.save(tmp_path / "b.npz", "toy", {"a": 2, "b": 1}, {"y": np.zeros(2), "x": np.ones(3)})
    assert first.read_bytes() == second.read_bytes()


def test_failed_save_leaves_the_old_file_and_no_rest(tmp_path):
    path = checkpoint.save(tmp_path / "net.npz", "toy", {}, {"x": np.ones(3)})
    before = path.read_bytes()
    with pytest.raises(ValueError, match="objects"):
        checkpoint.save(path, "toy", {}, {"x": np.array([object()])})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.npz"]


@pytest.mark.parametrize("content", [b"", b"not a zip at all", b"PK\x03\x04 cut short"])
def test_broken_file_is_one_line(tmp_path, content):
    path = tmp_path / "net.npz"
    path.write_bytes(content)
    with pytest.raises(TalkerError) as error:
        checkpoint.load(path, "speech network")
    assert "\n" not in str(error.value) and "speech network" in str(error.value)


def test_missing_file_and_wrong_kind_say_so(tmp_path):
    with pytest.raises(TalkerError, match="not found"):
        checkpoint.load(tmp_path / "none.npz", "toy")
    path = checkpoint.save(tmp_path / "net.npz", "fusion network", {}, {})
    with pytest.raises(TalkerError, match="holds a fusion network, not a speech network"):
        checkpoint.load(path, "speech network")


def test_pickled_arrays_are_refused(tmp_path):
    header = np.frombuffer(json.dumps({"kind": "toy", "config": {}}).encode(), np.uint8)
    np.savez(tmp_path / "evil.npz", __header__=header, x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(TalkerError):
        checkpoint.load(tmp_path / "evil.npz", "toy")


def test_whatever_bit_of_a_file_is_damaged_the_error_is_one_line(tmp_path):
    path = checkpoint.save(
        tmp_path / "own.style", "toy", {"name": "own"}, {"x": np.linspace(0, 1, 200).reshape(2, 100)}
    )
    whole, damaged = path.read_bytes(), tmp_path / "damaged.style"
    generator = np.random.default_rng(0)
    refused = 0
    for place, bit in zip(generator.integers(0, len(whole), 400), generator.integers(0, 8, 400), strict=True):
        content = bytearray(whole)
        content[place] ^= 1 << int(bit)
        damaged.write_bytes(content)
        try:
            checkpoint.load(damaged, "toy")  # some bytes, a date's for one, mean nothing
        except TalkerError:
            refused += 1
    assert refused > 200


@pytest.mark.parametrize(
    "header", [b"[1]", b'{"kind": "toy"}', b'{"kind": "toy", "config": 3}', b"[" * 100_000, b"\xff"]
)
def test_a_header_of_another_form_is_refused(tmp_path, header):
    np.savez(tmp_path / "net.npz", __header__=np.frombuffer(header, np.uint8))
    with pytest.raises(TalkerError, match="not a readable toy file"):
        checkpoint.load(tmp_path / "net.npz", "toy")


def test_other_files_of_numpy_are_refused(tmp_path):
    np.save(tmp_path / "net.npy", np.ones(3))
    with pytest.raises(TalkerError, match="not a readable toy file"):
        checkpoint.load(tmp_path / "net.npy", "toy")


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(tmp_path):
    path = checkpoint.save(tmp_path / "net.npz", "toy", {}, {"x": np.zeros(1 << 27, np.uint8)})
    assert path.stat().st_size < 1 << 20
    with pytest.raises(TalkerError, match="not a readable toy file"):
        checkpoint.load(path, "toy")
