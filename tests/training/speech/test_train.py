"""Data and training of the speech network on a miniature corpus: sounds that are loud when the mouth is open."""

import json
import shutil

import numpy as np
import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.face.flame import LOWER_LIP, UPPER_LIP, load_head
from blendshape_talker.speech.model import SpeechModel
from blendshape_talker.speech.whisper import WhisperEncoder
from blendshape_talker.training.corpus.faceformer import write_faceformer
from blendshape_talker.training.corpus.people import hold_out
from blendshape_talker.training.corpus.speech_layouts import read_corpus
from blendshape_talker.training.corpus.vocaset import write_vocaset
from blendshape_talker.training.speech import data as speech_data
from blendshape_talker.training.speech import evaluate as evaluate_speech
from blendshape_talker.training.speech.batches import Windows
from blendshape_talker.training.speech.settings import TrainingSettings
from blendshape_talker.training.speech.train import MouthLoss, train


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    """A run of 120 steps of a small network on the corpus: (folder, settings)."""
    folder = tmp_path_factory.mktemp("trained")
    settings = TrainingSettings(steps=120, batch=4, seconds=2.0, copies=1, rate=3e-3, width=64, layers=1)
    train(corpus, folder / "speech.npz", folder / "cache", settings, report_every=20)
    return folder, settings


def test_basis_keeps_the_lips_and_the_neutral_face(corpus):
    sequences = read_corpus(corpus)
    weights = speech_data.vertex_weights(load_head())
    assert weights.sum() == pytest.approx(1, abs=1e-4) and (weights > 0).all()
    basis = speech_data.fit_basis(sequences, weights, 8)
    assert basis.shapes.shape == (2, 5023, 3)
    deltas = sequences[-1].deltas()
    again = basis.displacements(basis.project(deltas))
    assert np.abs(again - deltas)[:, [UPPER_LIP, LOWER_LIP]].max() < 5e-5
    assert not basis.project(np.zeros((1, 5023, 3))).any()
    length = np.square(basis.project(deltas)).sum(axis=1)
    weighted = 1e6 * (np.square(again).sum(axis=2) @ weights)
    np.testing.assert_allclose(length, weighted, rtol=1e-3, atol=1e-6)


def test_copies_move_sound_and_face_together():
    opened = np.interp(np.arange(180), [60, 66, 120, 126], [0, 1, 1, 0])[:, None]
    sound = np.interp(np.arange(48000) / 16000 * 60, np.arange(180), opened[:, 0]).astype(np.float32)
    for seed in range(5):
        timing = speech_data.Timing.draw(np.random.default_rng(seed))
        samples = timing.of_samples(sound)
        frames = round(180 / timing.speed + timing.lead + timing.tail)
        assert abs(len(samples) / 16000 * 60 - frames) < 2
        moved = timing.of_frames(opened.astype(np.float32), frames)[:, 0]
        heard = samples[np.minimum(np.arange(frames) * 16000 // 60, len(samples) - 1)]
        assert np.abs(moved - heard).mean() < 0.02
        if timing.lead > 12:
            assert moved[0] == 0


def test_features_are_cached_and_other_settings_refused(corpus, tmp_path):
    sequences = read_corpus(corpus)
    basis = speech_data.fit_basis(sequences, speech_data.vertex_weights(load_head()), 8)
    encoder = WhisperEncoder.load()
    examples = speech_data.prepare(sequences, basis, encoder, tmp_path, copies=1)
    names = [example.name for example in examples]
    assert names.count("anna_sentence01") == 2 and names.count("clara_sentence01") == 1
    assert "dora_sentence01" not in names
    quiet = [example for example in examples if example.subject == speech_data.QUIET_SUBJECT]
    assert len(quiet) >= 5 and not any(example.coefficients.any() for example in quiet)
    for example in examples:
        assert len(example.features) / 50 == pytest.approx(example.seconds, abs=0.2)
    encoder.encode = None  # a second run must not need it
    again = speech_data.prepare(sequences, basis, encoder, tmp_path, copies=1)
    np.testing.assert_array_equal(again[1].features, examples[1].features)
    np.testing.assert_array_equal(again[1].coefficients, examples[1].coefficients)
    with pytest.raises(TalkerError, match="other settings"):
        speech_data.prepare(sequences[:-1], basis, encoder, tmp_path, copies=1)


def test_tones_and_noise_leave_the_mouth_shut_from_the_beginning(corpus, tmp_path):
    basis = speech_data.fit_basis(read_corpus(corpus), speech_data.vertex_weights(load_head()), 8)
    examples = speech_data.steady(basis, WhisperEncoder.load(), tmp_path, 10)
    assert [example.name for example in examples] == ["tones0", "noise1", "noise2", "tones3"]
    assert {example.subject for example in examples} <= speech_data.NOBODY
    assert {example.seconds for example in examples} == {3.0}, "no longer than a stretch: seen from its beginning"
    assert not any(example.coefficients.any() for example in examples)


def test_batches_repeat_and_short_takes_are_joined():
    generator = np.random.default_rng(0)
    examples = [
        speech_data.Example(
            str(n),
            subject,
            "train",
            generator.normal(size=(60 + n, 512)).astype(np.float16),
            np.full((72, 3), n, np.float32),
            first_word=50 if subject == "berta" else 0,
            breath=(20, 32) if subject == "anna" else (0, 0),
        )
        for n, subject in enumerate(["anna", "anna", "berta"])
    ]
    windows = Windows(examples, ("average", "anna", "berta"), seconds=2.0, seed=3)
    batch = windows.batch(5, 6)
    style, before = batch.style, batch.before
    assert batch.features.shape == (6, 100, 512) and batch.coefficients.shape == (6, 120, 3)
    assert before.shape == batch.breath.shape == (6, 120)
    for row, speaker in zip(batch.coefficients, style, strict=True):
        assert set(row[:, 0]) <= ({0, 1} if speaker == 1 else {2})
    assert not before[style == 1].any()
    # berta speaks from the 51st of her 72 frames on; of takes that are joined only the last tenth before that is there
    assert before[style == 2].any() and (before[style == 2].sum(axis=1) <= 50 + 4 * 8).all()
    assert batch.breath[style == 1].any() and not batch.breath[style == 2].any()
    assert (batch.breath.sum(axis=1) <= 2 * 12).all()
    np.testing.assert_array_equal(batch.features, windows.batch(5, 6).features)
    assert not np.array_equal(batch.features, windows.batch(6, 6).features)


def test_training_learns_to_open_the_mouth(corpus, trained):
    folder, _ = trained
    history = json.loads((folder / "speech.json").read_text())["history"]
    assert history[-1]["total"] < 0.8 * history[0]["total"]
    assert history[-1]["gap_correlation"] > 0.6
    assert (folder / "speech.png").read_bytes().startswith(b"\x89PNG")
    model = SpeechModel.load(folder)
    assert model.config.styles == ("average", "anna", "berta")
    figures = json.loads(json.dumps(evaluate_speech.evaluate(model, read_corpus(corpus)[-2:], load_head())))
    assert set(figures) == {"all", "dora"}
    assert figures["all"]["gap_correlation"] > 0.6 and abs(figures["all"]["lag_ms"]) < 60


def test_an_interrupted_run_goes_on_where_it_was(corpus, trained, tmp_path):
    _, settings = trained
    cache = trained[0] / "cache"
    short = TrainingSettings(**{**vars(settings), "steps": 4})
    train(corpus, tmp_path / "whole" / "speech.npz", cache, short, report_every=2)

    class Interruption(Exception):
        pass

    def interrupt(fraction: float, message: str) -> None:
        if message.startswith("step 3"):
            raise Interruption

    target = tmp_path / "parts" / "speech.npz"
    with pytest.raises(Interruption):
        train(corpus, target, cache, short, progress=interrupt, report_every=2)
    train(corpus, target, cache, short, report_every=2)
    assert target.read_bytes() == (tmp_path / "whole" / "speech.npz").read_bytes()
    with pytest.raises(TalkerError, match="other settings"):
        train(corpus, target, cache, TrainingSettings(**{**vars(short), "rate": 1e-4}))
    with pytest.raises(TalkerError, match="has 4 steps already"):
        train(corpus, target, cache, TrainingSettings(**{**vars(short), "steps": 3}))
    target.unlink()  # a run that is done puts its weights back, not only their name on the screen
    assert train(corpus, target, cache, short).read_bytes() == (tmp_path / "whole" / "speech.npz").read_bytes()


def test_a_run_goes_on_with_nothing_but_its_own_state(corpus, trained, tmp_path):
    short = TrainingSettings(**{**vars(trained[1]), "steps": 1})
    target = tmp_path / "speech.npz"
    train(corpus, target, trained[0] / "cache", short)
    smaller = shutil.copytree(corpus, tmp_path / "smaller")
    entries = json.loads((smaller / "sequences.json").read_text())
    (smaller / "sequences.json").write_text(json.dumps([one for one in entries if one["subject"] != "berta"]))
    with pytest.raises(TalkerError, match="other settings or data"):
        train(smaller, target, tmp_path / "cache", short)
    state = target.with_suffix(".training")
    for content in (b"", b"no state", state.read_bytes()[:2000]):
        state.write_bytes(content)
        with pytest.raises(TalkerError, match="cannot go on from it") as error:
            train(corpus, target, trained[0] / "cache", short)
        assert "\n" not in str(error.value)
    assert sorted(path.suffix for path in tmp_path.glob("speech.*")) == [".json", ".npz", ".png", ".training"]


def test_damaged_features_are_one_line(tmp_path):
    cache = speech_data.FeatureCache(tmp_path, {})
    cache.get("0/anna", lambda: np.zeros((4, 2)))
    path = tmp_path / "0" / "anna.npy"
    for content in (b"", path.read_bytes()[:-3]):
        path.write_bytes(content)
        with pytest.raises(TalkerError, match="damaged .* delete it"):
            cache.get("0/anna", lambda: np.zeros((4, 2)))


@pytest.mark.parametrize("layout", ["vocaset", "faceformer"])
def test_one_step_on_the_layouts_of_others(corpus, tmp_path, layout):
    sequences = read_corpus(corpus)
    write = write_vocaset if layout == "vocaset" else write_faceformer
    write([sequences[0], sequences[4], sequences[6]], tmp_path / layout)
    settings = TrainingSettings(steps=1, batch=2, seconds=1.0, copies=0, width=64, layers=1)
    path = train(tmp_path / layout, tmp_path / "speech.npz", tmp_path / "cache", settings)
    assert SpeechModel.load(path.parent).config.styles == ("average", "anna")


def test_evaluation_as_text_and_json(corpus, trained, tmp_path):
    table = evaluate_speech.run(corpus, trained[0], "test", tmp_path / "figures.json")
    lines = table.splitlines()
    assert len(lines) == 3 and "LVE 1e-5 m²" in lines[0] and lines[1].split()[0] == "all"
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["dora"]["takes"] == 2 and figures["dora"]["closure_recall"] is None
    (tmp_path / "sequences.json").write_text("[]")
    with pytest.raises(TalkerError):
        evaluate_speech.run(tmp_path, trained[0])


def test_weights_must_be_an_npz(corpus, tmp_path):
    with pytest.raises(TalkerError, match="npz"):
        train(corpus, tmp_path / "weights.pt", tmp_path / "cache")


@pytest.fixture
def people(corpus, tmp_path):
    """The tone corpus as other people, whose mouths open half as far."""
    folder = tmp_path / "people"
    shutil.copytree(corpus, folder)
    entries = json.loads((folder / "sequences.json").read_text())
    for entry in entries:
        entry["subject"] = f"seen {entry['subject']}"
        path = folder / "curves" / f"{entry['name']}.npy"
        np.save(path, 0.5 * np.load(path))
    (folder / "sequences.json").write_text(json.dumps(entries))
    with np.load(folder / "subjects.npz") as archive:
        names, templates = np.array([f"seen {name}" for name in archive["names"]]), archive["templates"]
    np.savez(folder / "subjects.npz", names=names, templates=templates)
    return folder


def test_people_join_a_run_that_begins_with_weights(corpus, trained, people, tmp_path):
    settings = TrainingSettings(
        **{
            **vars(trained[1]),
            "steps": 2,
            "people_copies": 0,
            "rate": 1e-6,
            "sung_seconds": 0,
            "breath_seconds": 0,
            "steady_seconds": 3,
        }
    )
    start = trained[0] / "speech.npz"
    train(corpus, tmp_path / "speech.npz", tmp_path / "cache", settings, people=people, start=start)
    before, after = SpeechModel.load(trained[0]), SpeechModel.load(tmp_path)
    assert after.config.styles == ("average", "anna", "berta", "seen anna", "seen berta")
    assert len(list((tmp_path / "cache" / "steady").glob("*.npy"))) == 3
    np.testing.assert_array_equal(after.basis, before.basis)
    sound = read_corpus(corpus)[0].samples()
    moved = before.coefficients(sound, "anna")
    assert np.abs(after.coefficients(sound, "anna") - moved).max() < 0.05 * np.abs(moved).max()
    other = TrainingSettings(**{**vars(settings), "layers": 2})
    with pytest.raises(TalkerError, match="another size"):
        train(corpus, tmp_path / "other" / "speech.npz", tmp_path / "cache", other, people=people, start=start)


def test_people_are_held_out_by_name(corpus, trained, people, tmp_path):
    short = {"steps": 1, "people_copies": 0, "copies": 0, "sung_seconds": 0, "breath_seconds": 0, "steady_seconds": 0}
    settings = TrainingSettings(**{**vars(trained[1]), **short, "held_out": ("seen anna",)})
    start = trained[0] / "speech.npz"
    train(corpus, tmp_path / "speech.npz", tmp_path / "cache", settings, people=people, start=start)
    # dora, whom their corpus holds out, is one of them now; clara is whom it validates on
    assert SpeechModel.load(tmp_path).config.styles == ("average", "anna", "berta", "seen berta", "seen dora")
    with pytest.raises(TalkerError, match=r"nobody is called nemo in .*seen anna, seen berta"):
        hold_out(read_corpus(people), ("nemo",))
    assert [one.split for one in hold_out(read_corpus(people), None)] == [one.split for one in read_corpus(people)]


def test_only_people_s_gap_is_asked_to_go_with_the_camera_s():
    torch = pytest.importorskip("torch")
    shapes = np.zeros((1, 5023, 3), np.float32)
    shapes[0, LOWER_LIP, 1] = -0.001
    basis = speech_data.Basis(shapes, speech_data.vertex_weights(load_head()))
    loss = MouthLoss(basis, TrainingSettings(agreement=2.0))
    target = 4 - 4 * torch.cos(torch.arange(60) / 5)[None, :, None].repeat(2, 1, 1)
    late = target.roll(15, dims=1)
    nobody, first = torch.tensor([False, False]), torch.tensor([True, False])
    assert "agreement" not in loss(late, target)
    assert float(loss(late, target, watched=nobody)["agreement"]) == 0
    assert float(loss(target, target, watched=first)["agreement"]) == pytest.approx(0, abs=1e-4)
    one, both = (float(loss(late, target, watched=watched)["agreement"]) for watched in (first, ~nobody))
    assert one > 1.5 and both == pytest.approx(2 * one)


def test_only_contacts_count_where_the_way_is_not_followed():
    torch = pytest.importorskip("torch")
    head = load_head()
    shapes = np.zeros((1, 5023, 3), np.float32)
    shapes[0, LOWER_LIP, 1] = -0.001  # a unit opens the mouth's middle by a millimetre
    basis = speech_data.Basis(shapes, speech_data.vertex_weights(head))
    loss = MouthLoss(basis, TrainingSettings())
    target = torch.full((1, 60, 1), 8.0)
    target[:, 20:24] = 0
    elsewhere, contact = target.clone(), target.clone()
    elsewhere[:, 40:50] = 6
    contact[:, 20:24] = 2
    nothing, whole = torch.zeros(1), torch.ones(1)

    def total(predicted, followed) -> float:
        return float(sum(term for name, term in loss(predicted, target, followed).items()))

    assert total(elsewhere, nothing) < 0.02 * total(elsewhere, whole)
    assert total(contact, nothing) > 0.3 * total(contact, whole)


def test_shut_lips_before_a_breath_weigh_no_more_than_parted_ones():
    torch = pytest.importorskip("torch")
    shapes = np.zeros((1, 5023, 3), np.float32)
    shapes[0, LOWER_LIP, 1] = -0.001
    loss = MouthLoss(speech_data.Basis(shapes, speech_data.vertex_weights(load_head())), TrainingSettings())
    target = torch.full((1, 60, 1), 8.0)
    target[:, :30] = 0
    opened = target.clone()
    opened[:, 10:20] = 4
    breath = torch.arange(60)[None] < 30

    def total(breath=None) -> float:
        return float(sum(loss(opened, target, torch.ones(1), breath).values()))

    assert total(breath) < 0.7 * total()


def test_a_breath_counts_for_more_than_its_little_way():
    torch = pytest.importorskip("torch")
    shapes = np.zeros((1, 5023, 3), np.float32)
    shapes[0, LOWER_LIP, 1] = -0.001
    loss = MouthLoss(speech_data.Basis(shapes, speech_data.vertex_weights(load_head())), TrainingSettings(breath=9.0))
    target = torch.full((1, 60, 1), 8.0)
    target[:, 30:] = 0
    shut = target.clone()
    target[:, 40:50] = 0.8
    heard = (torch.arange(60)[None] >= 40) & (torch.arange(60)[None] < 50)

    def far(breath) -> float:
        return float(loss(shut, target, breath=breath)["gap"])

    assert far(heard) == pytest.approx(10 * far(None))
    assert far(~heard) == pytest.approx(far(None))


def test_a_talkative_man_is_not_all_of_the_people():
    def example(subject: str) -> speech_data.Example:
        features, coefficients = np.zeros((50, 512), np.float16), np.zeros((60, 1), np.float32)
        return speech_data.Example(subject, subject, "train", features, coefficients)

    examples = [*[example("he")] * 25, example("she"), *[example("rules")] * 200]
    windows = Windows(examples, ("average", "he", "she", "rules"), 1.0, 0, {"he", "she"}, 0.5)
    style = np.concatenate([windows.batch(number, 40).style for number in range(50)])
    assert (style == 3).mean() == pytest.approx(0.5, abs=0.05)
    assert (style == 2).mean() == pytest.approx(0.5 / 6, abs=0.03)


@pytest.mark.parametrize("seen", [{"he"}, set()])
def test_song_and_breath_have_their_shares_however_little_there_is(seen):
    kinds = ("rules", "he", "song", "breath")

    def example(subject: str) -> speech_data.Example:
        coefficients = np.full((60, 1), kinds.index(subject), np.float32)
        return speech_data.Example(subject, subject, "train", np.zeros((50, 512), np.float16), coefficients)

    examples = [*[example("he")] * 25, example("breath"), example("song"), *[example("rules")] * 200]
    shares = {"breath": 0.2, "song": 0.1, "nobody": 0.5}
    windows = Windows(examples, ("average", "he", "rules"), 1.0, 0, seen, 0.5, shares)
    kind = np.concatenate([windows.batch(number, 40).coefficients[:, 0, 0] for number in range(150)])
    people = 0.5 if seen else 0.7 * 25 / 225
    for name, share in (("breath", 0.2), ("song", 0.1), ("he", people)):
        assert (kind == kinds.index(name)).mean() == pytest.approx(share, abs=0.03)
