"""`evaluate people`: figures against what a camera saw, people apart."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import seen_faces

from blendshape_talker.errors import TalkerError
from blendshape_talker.face.flame import load_head
from blendshape_talker.speech.model import SpeechModel
from blendshape_talker.training.corpus.people import make_people_corpus
from blendshape_talker.training.corpus.phones import SILENCE, Phone
from blendshape_talker.training.corpus.speech_layouts import read_corpus
from blendshape_talker.training.speech import evaluate_people
from blendshape_talker.training.speech.evaluate_people import BY_PERSON, OVER_TAKES, POOLED, WORST
from blendshape_talker.training.speech.settings import TrainingSettings
from blendshape_talker.training.speech.train import train


@pytest.fixture
def seen(corpus, tmp_path):
    """The tone corpus's test takes as a camera saw them: (folder, sequences), a person of two takes and one of one."""
    takes = read_corpus(corpus)
    (tmp_path / "seen").mkdir()
    for take in takes:
        np.save(tmp_path / "seen" / f"{take.name}.npy", _mouth(take))
    return tmp_path, [take for take in takes if take.split in ("test", "val")][:3]


def by_person(corpus) -> dict[str, list]:
    """The takes of the tone corpus by name."""
    people: dict[str, list] = {}
    for take in read_corpus(corpus):
        people.setdefault(take.subject, []).append(take)
    return people


def _mouth(take) -> np.ndarray:
    deltas = take.deltas()
    return evaluate_people.mouth_measures(lambda chosen: deltas[:, chosen], load_head())


def test_the_same_motion_is_perfect_and_a_late_one_is_not(seen):
    folder, takes = seen
    figures = evaluate_people.evaluate(_mouth, folder, takes)
    assert list(figures) == [BY_PERSON, OVER_TAKES, WORST, "clara", "dora"]
    assert [row["takes"] for row in figures.values()] == [2, 3, None, 2, 1]
    for row in figures.values():
        assert row["gap_correlation"] == pytest.approx(1) and row["closure_f1"] == pytest.approx(1)
    assert figures[BY_PERSON]["liveliness"] == pytest.approx(1) and figures[WORST]["lag_ms"] is None
    late = evaluate_people.evaluate(lambda take: np.roll(_mouth(take), 4, axis=0), folder, takes)
    assert late[BY_PERSON]["lag_ms"] == pytest.approx(1000 * 4 / 60, abs=6)
    assert late[WORST]["gap_correlation"] <= late[BY_PERSON]["gap_correlation"] < 0.95


def test_the_means_count_each_person_once_or_each_take_once(seen, corpus):
    """Two people of two takes, one too lively, and two of one take: their row counts for the takes alone."""
    folder, _ = seen
    takes = by_person(corpus)
    takes = [*takes["clara"], *takes["dora"], takes["anna"][0], takes["berta"][0]]

    def other(take) -> np.ndarray:
        moved = _mouth(take)
        if take.subject == "clara":
            moved[:, 0] += 0.4 * np.sin(1.5 * np.arange(len(moved)))
        return np.roll(moved, 6, axis=0) if take.subject in ("anna", "dora") else moved

    figures = evaluate_people.evaluate(other, folder, takes)
    assert list(figures) == [BY_PERSON, OVER_TAKES, WORST, "clara", "dora", POOLED]
    clara, dora, single = (figures[name] for name in ("clara", "dora", POOLED))
    gap = {name: row["gap_correlation"] for name, row in figures.items()}
    assert gap[BY_PERSON] == pytest.approx((gap["clara"] + gap["dora"]) / 2)
    assert gap[OVER_TAKES] == pytest.approx((gap["clara"] + gap["dora"] + gap[POOLED]) / 3) != gap[BY_PERSON]
    assert gap[WORST] == gap["dora"] < gap["clara"]
    assert clara["liveliness"] > 1.3 > dora["liveliness"] and figures[WORST]["liveliness"] == clara["liveliness"]
    assert figures[BY_PERSON]["liveliness"] == pytest.approx((clara["liveliness"] + dora["liveliness"]) / 2)
    assert [row["takes"] for row in figures.values()] == [4, 6, None, 2, 2, single["takes"]]
    *table, means, worst = evaluate_people.told(figures).splitlines()
    assert len(table) == 7 and means == "mean by person: clara, dora, each once; mean over takes: all 6, each once"
    lively = f"{clara['liveliness']:.3f}"
    assert worst == f"worst person: gap correlation {gap['dora']:.3f}, dora; liveliness {lively}, clara"


def test_people_of_one_take_each_are_people_where_nobody_has_more(seen, corpus):
    folder, _ = seen
    takes = [takes[0] for takes in by_person(corpus).values()]
    figures = evaluate_people.evaluate(_mouth, folder, takes)
    assert list(figures) == [BY_PERSON, OVER_TAKES, WORST, "anna", "berta", "clara", "dora"]
    assert figures[BY_PERSON]["takes"] == 4 and "anna, berta, clara, dora" in evaluate_people.told(figures)


def test_what_moves_before_the_first_word_is_told_apart(seen):
    folder, takes = seen
    phones = [Phone(0.0, 1.0, SILENCE), Phone(1.0, 2.0, "AA")]

    def shut_until_then(take) -> np.ndarray:
        moved = _mouth(take)
        moved[:60] = 0
        return moved

    takes = [replace(take, phones=phones) for take in takes]
    row = evaluate_people.evaluate(shut_until_then, folder, takes)[BY_PERSON]
    assert row["speech_correlation"] == pytest.approx(1) and row["gap_correlation"] < 0.95
    assert row["breath"] == 0 and row["breath_seen"] > 0.05


def test_the_bundled_model_is_measured_and_missing_parts_are_named(seen, corpus, tmp_path):
    folder, takes = seen
    for name in ("sequences.json", "facs.npz", "subjects.npz", "wav", "curves"):
        (folder / name).symlink_to(corpus / name)
    tested = read_corpus(corpus)  # whatever their split: the weights know none of them
    table = evaluate_people.run(folder, json_path=tmp_path / "figures.json")
    assert json.loads((tmp_path / "figures.json").read_text())[OVER_TAKES]["takes"] == len(tested)
    assert table.splitlines()[1].split()[:3] == BY_PERSON.split()
    (folder / "seen" / f"{tested[0].name}.npy").unlink()
    with pytest.raises(TalkerError, match="corpus people"):
        evaluate_people.run(folder)


def test_people_whom_the_weights_know_are_not_measured(seen, corpus):
    _, takes = seen
    model = SimpleNamespace(config=SimpleNamespace(styles=("average", takes[0].subject)))
    tested = read_corpus(corpus)
    same = [replace(take, subject="pwij3p") for take in tested]
    assert evaluate_people.unknown_to(model, tested) == [t for t in tested if t.subject != takes[0].subject]
    assert evaluate_people.unknown_to(model, same) == same
    knowing = SimpleNamespace(config=SimpleNamespace(styles=("average", "s2")))  # the same person
    assert evaluate_people.unknown_to(knowing, same) == []
    knowing = SimpleNamespace(config=SimpleNamespace(styles=("average", "pwij3p")))
    assert evaluate_people.unknown_to(knowing, [replace(take, subject="s2") for take in tested]) == []


def test_somebody_new_is_measured_from_landmarks_on(tmp_path):
    """One person's folder, clips of any name and text, through `corpus people`: that person's row."""
    facs = seen_faces.write_geometry(tmp_path / "facs.npz")
    seen_faces.write_landmarks(tmp_path / "faces", facs, "new", ["mara_1", "mara_2"], texts=["bin blue", ""])
    make_people_corpus(tmp_path / "facs.npz", tmp_path / "faces", tmp_path / "people")
    assert [take.split for take in read_corpus(tmp_path / "people")] == ["train", "train"]
    table = evaluate_people.run(tmp_path / "people", json_path=tmp_path / "figures.json")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert list(figures) == [BY_PERSON, OVER_TAKES, WORST, "mara"] and figures["mara"]["takes"] == 2
    assert figures["mara"] == figures[BY_PERSON] and "mean by person: mara, each once" in table


def test_a_corpus_of_known_people_says_so(seen, corpus, monkeypatch):
    model = SimpleNamespace(config=SimpleNamespace(styles=("average", "anna", "berta", "clara", "dora")))
    monkeypatch.setattr(evaluate_people.SpeechModel, "load", lambda weights: model)
    with pytest.raises(TalkerError, match=r"know everybody in it \(anna, berta, clara, dora\)"):
        evaluate_people.run(corpus)


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
    assert table.splitlines()[1].split()[:3] == BY_PERSON.split()
    for path in (tmp_path / "work").iterdir():
        person = path.name.removeprefix("without_")
        assert person not in SpeechModel.load(path).config.styles
