"""`evaluate people`: figures against what a camera saw, people apart."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.face.flame import load_head
from blendshape_talker.speech.model import SpeechModel
from blendshape_talker.training.corpus.phones import SILENCE, Phone
from blendshape_talker.training.corpus.speech_layouts import read_corpus
from blendshape_talker.training.speech import evaluate_people
from blendshape_talker.training.speech.settings import TrainingSettings
from blendshape_talker.training.speech.train import train


@pytest.fixture
def seen(corpus, tmp_path):
    """The tone corpus as a camera saw it: (folder, three sequences), a person of two takes and one of one."""
    takes = read_corpus(corpus)
    (tmp_path / "seen").mkdir()
    for take in takes:
        np.save(tmp_path / "seen" / f"{take.name}.npy", _mouth(take))
    return tmp_path, [take for take in takes if take.split in ("test", "val")][:3]


def _mouth(take) -> np.ndarray:
    deltas = take.deltas()
    return evaluate_people.mouth_measures(lambda chosen: deltas[:, chosen], load_head())


def test_the_same_motion_is_perfect_and_a_late_one_is_not(seen):
    folder, takes = seen
    figures = evaluate_people.evaluate(_mouth, folder, takes)
    alone = [take.subject for take in takes]
    alone = next(name for name in alone if alone.count(name) == 1)
    assert alone not in figures and figures[evaluate_people.POOLED]["takes"] == 1
    assert figures["mean of people"]["takes"] == 3
    for row in figures.values():
        assert row["gap_correlation"] == pytest.approx(1) and row["closure_f1"] == pytest.approx(1)
    assert figures["mean of people"]["liveliness"] == pytest.approx(1) and figures["worst person"][
        "lag_ms"
    ] == pytest.approx(0, abs=1)
    late = evaluate_people.evaluate(lambda take: np.roll(_mouth(take), 4, axis=0), folder, takes)
    assert late["mean of people"]["lag_ms"] == pytest.approx(1000 * 4 / 60, abs=6)
    assert late["worst person"]["lag_ms"] >= late["mean of people"]["lag_ms"]
    assert late["worst person"]["gap_correlation"] <= late["mean of people"]["gap_correlation"] < 0.95
    assert "worst person" in evaluate_people.table(late, evaluate_people.COLUMNS)


def test_each_person_counts_once_in_the_mean_by_whatever_name(seen):
    folder, takes = seen
    names = [take.subject for take in takes]
    twice = next(name for name in names if names.count(name) == 2)
    late = {take.name: shift for take, shift in zip(takes, (0, 2, 4), strict=True)}

    def shifted(take) -> np.ndarray:
        return np.roll(_mouth(take), late[take.name], axis=0)

    figures = evaluate_people.evaluate(shifted, folder, takes)
    both, alone = figures[twice]["gap_correlation"], figures[evaluate_people.POOLED]["gap_correlation"]
    assert figures["mean of people"]["gap_correlation"] == pytest.approx((both + alone) / 2)
    assert figures["mean of takes"]["gap_correlation"] == pytest.approx((2 * both + alone) / 3)
    assert figures["worst person"]["gap_correlation"] == min(both, alone)
    same = [replace(take, subject="s2" if take.subject == twice else "pwij3p") for take in takes]
    figures = evaluate_people.evaluate(shifted, folder, same)
    assert list(figures)[3:] == ["s2"] and figures["s2"]["takes"] == 3
    each = evaluate_people.evaluate(shifted, folder, [replace(t, subject=t.name) for t in takes])
    assert list(each)[3:] == [evaluate_people.POOLED]
    assert each["mean of people"]["gap_correlation"] == each["mean of takes"]["gap_correlation"]


def test_what_moves_before_the_first_word_is_told_apart(seen):
    folder, takes = seen
    phones = [Phone(0.0, 1.0, SILENCE), Phone(1.0, 2.0, "AA")]

    def shut_until_then(take) -> np.ndarray:
        moved = _mouth(take)
        moved[:60] = 0
        return moved

    takes = [replace(take, phones=phones) for take in takes]
    row = evaluate_people.evaluate(shut_until_then, folder, takes)["mean of people"]
    assert row["speech_correlation"] == pytest.approx(1) and row["gap_correlation"] < 0.95
    assert row["breath"] == 0 and row["breath_seen"] > 0.05


def test_the_bundled_model_is_measured_and_missing_parts_are_named(seen, corpus, tmp_path):
    folder, takes = seen
    for name in ("sequences.json", "facs.npz", "subjects.npz", "wav", "curves"):
        (folder / name).symlink_to(corpus / name)
    tested = read_corpus(corpus)
    assert {take.split for take in tested} > {"test"}, "unknown is unknown, whatever the corpus calls them"
    table = evaluate_people.run(folder, json_path=tmp_path / "figures.json")
    assert json.loads((tmp_path / "figures.json").read_text())["mean of people"]["takes"] == len(tested)
    assert table.splitlines()[1].strip().startswith("mean of people")
    (folder / "seen" / f"{tested[0].name}.npy").unlink()
    with pytest.raises(TalkerError, match="corpus people"):
        evaluate_people.run(folder)


def test_people_whom_the_weights_know_are_not_measured(seen, corpus):
    _, takes = seen
    model = SimpleNamespace(config=SimpleNamespace(styles=("average", takes[0].subject)))
    tested = [take for take in read_corpus(corpus) if take.split == "test"]
    same = [replace(take, subject="pwij3p") for take in tested]
    assert evaluate_people.unknown_to(model, tested) == [t for t in tested if t.subject != takes[0].subject]
    assert evaluate_people.unknown_to(model, same) == same
    knowing = SimpleNamespace(config=SimpleNamespace(styles=("average", "s2")))  # the same person
    assert evaluate_people.unknown_to(knowing, same) == []


def test_each_is_measured_by_a_network_that_never_saw_them(seen, corpus, tmp_path):
    folder, _ = seen
    for name in ("sequences.json", "facs.npz", "subjects.npz", "wav", "curves"):
        (folder / name).symlink_to(corpus / name)
    small = {"batch": 2, "seconds": 1.0, "copies": 0, "people_copies": 0, "width": 64, "layers": 1, "sung_seconds": 0}
    small |= {"breath_seconds": 0, "steady_seconds": 0}
    first = TrainingSettings(steps=2, **small)
    train(corpus, tmp_path / "start" / "speech.npz", tmp_path / "cache", first)
    table = evaluate_people.leave_out(
        folder, corpus, tmp_path / "work", tmp_path / "cache", tmp_path / "start" / "speech.npz", first
    )
    assert table.splitlines()[1].strip().startswith("mean of people")
    for path in (tmp_path / "work").iterdir():
        person = path.name.removeprefix("without_")
        assert person not in SpeechModel.load(path).config.styles
