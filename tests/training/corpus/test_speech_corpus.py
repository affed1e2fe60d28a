"""The corpus command with stand-ins for the synthesizers, which a test machine does not have."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from face_shapes import NAMES, write_geometry

from blendshape_talker.checkpoint import ASSETS
from blendshape_talker.errors import TalkerError
from blendshape_talker.training.corpus import demo_speech, speech_corpus, synthesis
from blendshape_talker.training.corpus.coarticulation import LipGeometry
from blendshape_talker.training.corpus.phones import SILENCE, Phone
from blendshape_talker.training.corpus.speech_layouts import read_corpus
from blendshape_talker.training.corpus.synthesis import Speech
from blendshape_talker.training.geometry.facs import load_facs


class Talker:
    """Says "mama" whatever it is asked, a syllable a word."""

    def say(self, text: str, voice: str, *settings, **more) -> Speech:
        names = [SILENCE, *("M AA".split() * len(text.split())), SILENCE]
        phones = [Phone(0.1 * i, 0.1 * (i + 1), name) for i, name in enumerate(names)]
        generator = np.random.default_rng(len(text))
        return Speech(generator.normal(0, 0.1, 1600 * len(names)).astype(np.float32), phones)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Two voices, two words, clips of the demo recording for LJ Speech's."""
    write_geometry(tmp_path / "facs.npz")
    monkeypatch.setattr(speech_corpus, "ESPEAK_VOICES", ["en-us", "en"])
    monkeypatch.setattr(speech_corpus, "FLITE_VOICES", ("slt",))
    monkeypatch.setattr(speech_corpus, "FESTIVAL_VOICES", ("kal_diphone",))
    monkeypatch.setattr(speech_corpus, "HELD_OUT_LJSPEECH", 1)
    monkeypatch.setattr(synthesis, "espeak", Talker)
    monkeypatch.setattr(synthesis, "flite", Talker)
    monkeypatch.setattr(synthesis, "festival", lambda texts, voice, stretch: [Talker().say(t, voice) for t in texts])
    monkeypatch.setattr(synthesis, "wordnet_sentences", lambda: ["a lamb may jump", "five big wolves"])
    clips = tmp_path / "clips"
    clips.mkdir()
    for name in ("LJ001-0001", "LJ001-0002"):
        shutil.copy(ASSETS / "demo_speech.flac", clips / f"{name}.flac")
    text = demo_speech.DEMO_TEXT
    (clips / "transcripts.tsv").write_text(f"LJ001-0001\t{text}\nLJ001-0002\t{text}\n", encoding="utf-8")
    return tmp_path


def make(folder, out: str, **more):
    return speech_corpus.make_speech_corpus(folder / "facs.npz", folder / out, **{"hours": 0.01} | more)


def test_a_corpus_has_what_its_readers_expect(small):
    messages = []
    folder = make(small, "one", ljspeech=small / "clips", progress=lambda *shown: messages.append(shown))
    sequences = read_corpus(folder)
    assert messages[-1][0] == 1.0 and "clips" in messages[-1][1]
    assert not (folder / "parts").exists()
    recorded = [s for s in sequences if s.voice == speech_corpus.LJSPEECH]
    assert [(s.source, s.split) for s in recorded] == [("LJ001-0001", "train"), ("LJ001-0002", "test")]
    assert {s.voice for s in sequences} >= {"en-us", "en", "flite:slt", "festival:kal_diphone"}
    assert len({s.name for s in sequences}) == len(sequences)
    for sequence in sequences:
        samples, curves = sequence.samples(), sequence.curves()
        assert sequence.frames == len(curves) == round(len(samples) / 16000 * 60)
        assert curves.shape[1] == len(NAMES) and np.isfinite(curves).all()
        assert sequence.phones[0].start == 0.0
        assert sequence.phones[-1].end == pytest.approx(len(samples) / 16000, abs=1e-3)
        assert samples.std() > 1e-4 and np.count_nonzero(samples[:800]) > 400  # no digital zero


def test_a_batch_in_this_process(small):
    """What the workers do, where a debugger and a coverage measurement can see it."""
    geometry = load_facs(small / "facs.npz")
    subjects = speech_corpus.make_subjects(geometry.neutral, geometry.identities, 0)
    lips = LipGeometry(NAMES, geometry.deltas, geometry.neutral)
    for part in ("wav", "curves", "parts"):
        (small / "out" / part).mkdir(parents=True)
    setting = speech_corpus._Setting(small / "out", small / "clips", lips, subjects, "digest")
    speech_corpus._start_worker(setting)
    batches = speech_corpus._plan(list(subjects.values()), small / "clips", 0.02, 0)
    made = [speech_corpus._make_batch(batch) for batch in batches]
    assert [len(entries) for entries in made] == [len(batch.texts) for batch in batches]
    assert [speech_corpus._make_batch(batch) for batch in batches] == made  # from the parts, nothing new
    assert setting.part(batches[0]) != replace(setting, geometry="other").part(batches[0])


def test_the_same_seed_makes_the_same_corpus_and_another_another(small):
    one, two, other = make(small, "one"), make(small, "two", processes=1), make(small, "three", seed=5)
    for path in sorted(one.rglob("*")):
        if path.is_file() and path.suffix != ".npz":
            assert (two / path.relative_to(one)).read_bytes() == path.read_bytes(), path.name
    assert (one / "sequences.json").read_bytes() != (other / "sequences.json").read_bytes()


def test_a_stopped_run_goes_on_where_it_was(small, monkeypatch):
    out = small / "stopped"

    def stop(fraction: float, message: str) -> None:
        if fraction > 0.4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(small, "stopped", progress=stop, processes=1)
    assert not (out / "sequences.json").exists()
    done = {path.name: path.stat().st_mtime_ns for path in (out / "curves").iterdir()}
    parts = list((out / "parts").glob("*.json"))
    finished = {entry["name"] for part in parts for entry in json.loads(part.read_text())}
    assert finished
    make(small, "stopped")
    for name in finished:
        path = out / "curves" / f"{name}.npy"
        assert path.stat().st_mtime_ns == done[path.name]  # not made again
    assert (out / "sequences.json").read_bytes() == (make(small, "fresh") / "sequences.json").read_bytes()


def test_what_another_stopped_run_wrote_over_is_made_again(small):
    def stop(fraction: float, message: str) -> None:
        raise KeyboardInterrupt

    for seed in (0, 1):
        with pytest.raises(KeyboardInterrupt):
            make(small, "stopped", seed=seed, processes=1, progress=stop)
    again, fresh = make(small, "stopped"), make(small, "fresh")
    for path in (fresh / "curves").iterdir():
        assert path.read_bytes() == (again / "curves" / path.name).read_bytes()


@pytest.mark.parametrize("layout", ["vocaset", "faceformer"])
def test_vertex_layouts_hold_the_same_takes(small, layout):
    compact = {s.name: s for s in read_corpus(make(small, "compact"))}
    folder = make(small, layout, layout=layout)
    assert not (folder / "curves.unfinished").exists()
    sequences = read_corpus(folder)
    assert {s.name for s in sequences} == set(compact)
    sequence = sequences[0]
    expected = compact[sequence.name].deltas()
    np.testing.assert_allclose(sequence.deltas(), expected, atol=1e-6)


def test_splits_are_by_subject_but_for_the_recorded_reader(small):
    subjects = speech_corpus.make_subjects(np.zeros((5023, 3)), np.zeros((2, 5023, 3)), seed=0)
    assert len(subjects) >= 13
    assert {s.split for s in subjects.values()} == {"train", "val", "test"}
    for batch in speech_corpus._plan(list(subjects.values()), small / "clips", 0.5, 0):
        assert batch.split == subjects[batch.subject].split or batch.subject == speech_corpus.LJSPEECH


def test_every_voice_belongs_to_one_subject_and_there_are_plenty():
    assert len(set(speech_corpus.ESPEAK_VOICES)) == len(speech_corpus.ESPEAK_VOICES)
    voices = len(speech_corpus.ESPEAK_VOICES) + len(synthesis.FLITE_VOICES) + len(synthesis.FESTIVAL_VOICES)
    assert voices >= 30 and speech_corpus.SUBJECT_COUNT >= 12


def test_what_is_missing_is_said(small):
    with pytest.raises(TalkerError, match="choose one of curves"):
        make(small, "out", layout="obj")
    with pytest.raises(TalkerError, match="corpus geometry"):
        speech_corpus.make_speech_corpus(small / "none.npz", small / "out")
    with pytest.raises(TalkerError, match="transcripts.tsv"):
        make(small, "out", ljspeech=small)
    (small / "clips" / "LJ001-0002.flac").unlink()
    with pytest.raises(TalkerError, match="LJ001-0002.flac not found"):
        make(small, "out", ljspeech=small / "clips")
    (small / "clips" / "transcripts.tsv").write_text("LJ001-0001\tone\n")
    with pytest.raises(TalkerError, match="held out"):
        make(small, "out", ljspeech=small / "clips")


def test_a_corpus_made_again_from_its_own_geometry_is_the_same(small):
    folder = make(small, "one", ljspeech=small / "clips")
    before = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    speech_corpus.make_speech_corpus(folder / "facs.npz", folder, small / "clips", 0.01)
    assert {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_stop_while_another_corpus_takes_its_place_leaves_none(small, monkeypatch):
    folder = make(small, "one")

    def stopped(setting, batch):
        raise TalkerError("stopped")

    monkeypatch.setattr(speech_corpus._Setting, "part", stopped)
    with pytest.raises(TalkerError, match="stopped"):
        make(small, "one", seed=1)
    with pytest.raises(TalkerError, match="no speech corpus"):
        read_corpus(folder)


def test_a_corpus_that_lacks_a_part_is_said_in_one_line(small):
    folder = make(small, "one", ljspeech=small / "clips")
    sequence = read_corpus(folder)[0]
    (folder / "curves" / f"{sequence.name}.npy").unlink()
    with pytest.raises(TalkerError, match="not readable"):
        sequence.deltas(0, 1)
    (folder / "subjects.npz").unlink()
    with pytest.raises(TalkerError, match="not a whole speech corpus"):
        read_corpus(folder)


def test_what_cannot_be_made_makes_no_folder(small):
    with pytest.raises(TalkerError, match="transcripts"):
        make(small, "one", ljspeech=small)
    assert not (small / "one").exists()


def test_the_demo_recording_is_written_whole(tmp_path, monkeypatch):
    speech = Talker().say("a b c", "")
    monkeypatch.setattr(synthesis, "festival", lambda texts, voice: [speech])
    paths = [demo_speech.make_demo_speech(tmp_path / name) for name in ("one.flac", "two.flac")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with pytest.raises(TalkerError, match="no such folder"):
        demo_speech.make_demo_speech(tmp_path / "missing" / "one.flac")
