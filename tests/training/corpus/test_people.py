"""Landmark files in, a corpus that training reads out; contacts where a bilabial was heard."""

import json

import numpy as np
import pytest
import seen_faces

from blendshape_talker import __main__ as command_line
from blendshape_talker.errors import TalkerError
from blendshape_talker.face.flame import LOWER_LIP, UPPER_LIP
from blendshape_talker.speech import lip_sync
from blendshape_talker.training.corpus import landmarks, people
from blendshape_talker.training.corpus.phones import SILENCE, Phone
from blendshape_talker.training.corpus.speech_layouts import read_corpus


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A folder with facs.npz and faces of three people: two in a file of their own, one held out."""
    folder = tmp_path_factory.mktemp("measured")
    facs = seen_faces.write_geometry(folder / "facs.npz")
    seen_faces.write_landmarks(folder / "faces", facs, "people", ["s8_bbaf2n", "s9_lrwz7p"])
    seen_faces.write_landmarks(folder / "faces", facs, "others", ["swib4a"])
    return folder


@pytest.fixture(scope="module")
def corpus(measured):
    figures = people.make_people_corpus(measured / "facs.npz", measured / "faces", measured / "corpus")
    return measured / "corpus", figures


def test_the_corpus_holds_what_training_reads(corpus):
    folder, figures = corpus
    sequences = {sequence.subject: sequence for sequence in read_corpus(folder)}
    assert {name: sequence.split for name, sequence in sequences.items()} == {
        "s8": "train", "s9": "train", "swib4a": "test"
    }  # fmt: skip
    assert sequences["s8"].text == "bin blue at f two now" and sequences["s9"].text == "lay red with z seven please"
    for sequence in sequences.values():
        deltas = sequence.deltas()
        assert deltas.shape == (180, 5023, 3) and len(sequence.samples()) == 48000
        apart = sequence.template[UPPER_LIP] - sequence.template[LOWER_LIP]
        gap = 1000 * np.linalg.norm(apart + deltas[:, UPPER_LIP] - deltas[:, LOWER_LIP], axis=1)
        wanted = np.interp(np.arange(180) / 60, np.arange(75) / 25, seen_faces.speaking())
        assert lip_sync.correlation(gap, wanted) > 0.98
        seen = people.read_seen(folder, sequence.name)
        assert seen.shape == (180, 3) and lip_sync.correlation(seen[:, 0], wanted) > 0.98
        assert np.load(folder / "pose" / f"{sequence.name}.npy").shape == (180, 6)
    assert all(row["error_mm"] < 0.6 for row in figures.values())
    assert json.loads((folder / "people.json").read_text()).keys() == figures.keys()
    assert len(people.table(figures).splitlines()) == 4


def test_contacts_are_pressed_shut_where_they_were_heard_and_nearly_seen():
    clock = np.arange(120) / 60
    gap = 8 - 6.5 * np.exp(-(((clock - 1.02) / 0.05) ** 2))  # blurred: 1.5 mm are left at the least
    phones = [Phone(0.0, 0.95, "AA"), Phone(0.95, 1.03, "B"), Phone(1.03, 1.5, "AA"), Phone(1.5, 1.58, "M")]
    shut, closed, seen = people.restore_contacts(gap, [*phones, Phone(1.58, 2.0, SILENCE)], opening=8.0)
    assert shut[int(1.0 * 60)] < 0 and closed.max() == 1
    assert seen == 0
    np.testing.assert_allclose(shut[clock < 0.85], gap[clock < 0.85])
    np.testing.assert_allclose(shut[clock > 1.2], gap[clock > 1.2])  # no lips came near in the [m]


def test_the_mouth_comes_to_rest_after_the_last_word_and_may_open_before_the_first():
    rest = people.at_rest([Phone(0.0, 0.5, SILENCE), Phone(0.5, 1.0, "AA"), Phone(1.0, 2.0, SILENCE)], 120)
    assert not rest[: int(1.05 * 60)].any() and (rest[int(1.26 * 60) :] == 1).all() and (np.diff(rest) >= 0).all()
    assert not people.at_rest([], 120).any()


@pytest.mark.parametrize("name", ["bbaf2", "qbaf2n", "bbaf2x", "bbaféx"])
def test_names_that_spell_nothing_are_refused(name):
    with pytest.raises(TalkerError, match="sentence of GRID.*texts"):
        landmarks.spoken_text(name)


def test_bad_landmark_files_are_one_line(measured, tmp_path, capsys):
    def run(faces) -> str:
        arguments = ["corpus", "people", "--geometry", measured / "facs.npz", "--landmarks", faces, "--out"]
        assert command_line.main([str(argument) for argument in [*arguments, tmp_path / "out"]]) == 1
        lines = capsys.readouterr().err.strip().splitlines()
        assert "Traceback" not in "".join(lines) and not (tmp_path / "out").exists()
        return lines[-1]

    assert "no NAME_landmarks.npz" in run(tmp_path)
    (tmp_path / "s1_landmarks.npz").write_bytes(b"PK nothing")
    assert "no landmark file" in run(tmp_path)
    good = dict(np.load(measured / "faces" / "others_landmarks.npz"))
    np.savez(tmp_path / "s1_landmarks.npz", **good | {"landmark": good["landmark"][1:]})
    assert "landmarks, but points" in run(tmp_path)
    np.savez(tmp_path / "s1_landmarks.npz", **good)
    assert "swib4a.ogg not found" in run(tmp_path)
    np.savez(tmp_path / "s1_landmarks.npz", **good, texts=np.array(["one", "two"]))
    assert "1 clips, but 2 texts" in run(tmp_path)
    np.savez(tmp_path / "s1_landmarks.npz", **good, pixel_aspect=0.0)
    assert "pixel_aspect is 1 in most videos" in run(tmp_path)
    np.savez(tmp_path / "s1_landmarks.npz", **good, pixel_aspect=np.ones(3))
    assert "no landmark file" in run(tmp_path)


def test_files_of_others_say_what_grids_clips_have_in_common(tmp_path):
    """Texts, square pixels, WAV, any name: the same face as of GRID's file."""
    facs = seen_faces.geometry()
    seen_faces.write_landmarks(tmp_path, facs, "one", ["swib4a"], noise_px=0)
    seen_faces.write_landmarks(tmp_path, facs, "two", ["mara_1"], noise_px=0, texts=["hello"])
    numbers, (grid,) = landmarks.read_landmarks(tmp_path / "one_landmarks.npz")
    again, (other,) = landmarks.read_landmarks(tmp_path / "two_landmarks.npz")
    np.testing.assert_array_equal(numbers, again)
    np.testing.assert_allclose(other.points, grid.points, atol=0.05)
    assert (other.speaker, other.text, other.sound.name) == ("mara", "hello", "mara_1.wav") and other.sound.exists()
    assert (grid.speaker, grid.sound.name) == ("one", "swib4a.ogg")
