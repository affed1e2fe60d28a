"""Joint training of the fusion network and its evaluation, on corpora of a few frames."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from blendshape_talker import checkpoint
from blendshape_talker.errors import TalkerError
from blendshape_talker.expression.aperture import opening_shapes
from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.face.flame import LOWER_LIP, UPPER_LIP, lip_gaps_of_pair, load_head
from blendshape_talker.fusion import FusionConfig, FusionModel
from blendshape_talker.training.corpus.expression_corpus import ExpressionTake, write_curves, write_florence4d
from blendshape_talker.training.corpus.faceformer import write_faceformer
from blendshape_talker.training.corpus.speech_sequence import SpeechSequence
from blendshape_talker.training.fusion import evaluate as evaluate_fusion
from blendshape_talker.training.fusion.contacts import contacts_kept, off_the_teeth
from blendshape_talker.training.fusion.data import load_expression_corpus, load_speech_corpus
from blendshape_talker.training.fusion.evaluate import measure
from blendshape_talker.training.fusion.fold_shapes import regions
from blendshape_talker.training.fusion.lip_shapes import OPENING, TOGETHER, without_lip_shapes
from blendshape_talker.training.fusion.settings import FusionTraining
from blendshape_talker.training.fusion.sizes import size_table
from blendshape_talker.training.fusion.systems import DirectAddition, Fused
from blendshape_talker.training.fusion.tables import COLUMNS, SHORT_COLUMNS, ablation_table, format_table
from blendshape_talker.training.fusion.train import extend, fit, mend, train
from blendshape_talker.training.geometry.facs import KIND as GEOMETRY_KIND
from blendshape_talker.training.geometry.facs import Facs

NETWORK = FusionConfig(speech_count=4, expression_count=6, channels=(8, 8))
SETTINGS = FusionTraining(network=NETWORK, steps=20, batch=48, shape_rate=3e-2)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads that wait for one another take three times as long on a busy machine as one does."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def facs() -> Facs:
    library, head = ExpressionLibrary.load(), load_head()
    identities = np.zeros((2, len(head.vertices), 3), np.float32)
    return Facs(np.array(library.directions), library.basis, head.vertices, identities, head.faces)


def emotion_takes() -> list[ExpressionTake]:
    library = ExpressionLibrary.load()
    takes = []
    for number, split in enumerate(("train", "train", "train", "val", "test")):
        for emotion in ("happy", "sad", "surprised"):
            curves = library.trajectory(emotion, np.arange(40) / 60, seed=number, intensity=0.7 + 0.1 * number)
            takes.append(ExpressionTake(f"COMA_CH{number + 1:02d}", emotion, split, curves))
    return takes


@pytest.fixture(scope="module")
def corpora(facs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora")
    write_curves(facs, emotion_takes(), folder / "expressions", seed=0)
    speech = folder / "speech"
    (speech / "curves").mkdir(parents=True)
    checkpoint.save(speech / "facs.npz", GEOMETRY_KIND, {}, vars(facs))
    names, generator, index = list(facs.names), np.random.default_rng(0), []
    for number, split in enumerate(("train", "train", "val", "test")):
        beat = np.arange(90) / 60 + generator.uniform(0, 1)
        curves = np.zeros((90, len(names)), np.float16)
        curves[:, names.index("jawOpen")] = 0.15 * (1 - np.cos(2 * np.pi * 3 * beat))
        curves[:, names.index("mouthPucker")] = 0.4 * np.maximum(np.sin(2 * np.pi * beat), 0)
        curves[:, names.index("browInnerUp_L")] = 0.1 * np.maximum(np.sin(2 * np.pi * 0.4 * beat), 0)
        np.save(speech / "curves" / f"s{number}.npy", curves)
        phones = [[0.3, 0.4, "F"], [0.6, 0.7, "AA1"]]
        index.append({"name": f"s{number}", "subject": f"v{number}", "split": split, "text": "", "phones": phones})
    (speech / "sequences.json").write_text(json.dumps(index))
    return speech, folder / "expressions"


@pytest.fixture(scope="module")
def trained(corpora, facs):
    return fit(load_speech_corpus(corpora[0]), load_expression_corpus(corpora[1]), facs, SETTINGS)


def test_training_writes_a_model_that_loads_and_is_the_same_for_the_same_seed(trained, corpora, tmp_path):
    seen: list[str] = []
    path = train(*corpora, tmp_path / "out", SETTINGS, progress=lambda fraction, message: seen.append(message))
    assert path == tmp_path / "out/fusion.npz" and any("training fusion" in message for message in seen)
    model = FusionModel.load(path.parent)
    assert len(model.names) == len(set(model.names)) == len(model.blendshapes) <= 10 + len(OPENING) + len(TOGETHER)
    assert model.names[-len(TOGETHER) :] == TOGETHER
    np.testing.assert_allclose(model.blendshapes, trained[0].blendshapes, atol=2e-6)
    assert model.names == trained[0].names
    history = json.loads((path.parent / "fusion_history.json").read_text())
    assert history["step"][-1] == SETTINGS.steps - 1
    assert {"speech reconstruction", "expression sparsity", "laplacian"} <= set(history)
    assert (path.parent / "fusion_loss.png").read_bytes().startswith(b"\x89PNG")


def test_trained_model_rebuilds_speech_and_keeps_the_structure(trained, corpora):
    model, _ = trained
    head, speech = load_head(), load_speech_corpus(corpora[0])
    frames = speech.of_split("test")[0].curves
    weights = model.weights(frames, speech.basis, "speech")
    assert np.percentile(np.abs(weights), 99) < 1.5
    made = np.tensordot(weights, model.blendshapes[: model.speech_count, head.lips], 1)
    wanted = np.tensordot(frames, speech.basis[:, head.lips], 1)
    assert np.linalg.norm(made - wanted, axis=-1).mean() < 0.1 * np.linalg.norm(wanted, axis=-1).mean()
    upper, lower = head.lip_pairs.T
    expression = model.blendshapes[model.speech_count :]
    opening = opening_shapes(expression)
    assert len(opening) == len(OPENING)
    joined = np.delete(expression, opening, axis=0)
    assert np.abs(joined[:, upper] - joined[:, lower]).max() < 1e-5
    assert np.abs(model.blendshapes[: model.speech_count, head.forehead]).max() < 2e-5


def test_training_betters_what_it_starts_from(trained, corpora, facs):
    speech, expression = load_speech_corpus(corpora[0]), load_expression_corpus(corpora[1])
    start, history = fit(speech, expression, facs, replace(SETTINGS, steps=0))
    assert history == {"step": []}
    frames = expression.of_split("train")[1].curves
    wanted = np.tensordot(frames, expression.basis, 1)
    errors = []
    for whole in (start, trained[0]):
        # the lip shapes are not trained
        model = FusionModel(*without_lip_shapes(whole.network, whole.names), load_head().geometry_map)
        made = np.tensordot(model.all_weights(frames, expression.basis, "expression"), model.blendshapes, 1)
        errors.append(np.square(made - wanted).mean())
    assert errors[1] < 0.95 * errors[0]


def test_lids_and_folds_are_mended_once_and_weights_stay(trained, corpora, facs, tmp_path):
    settings = replace(SETTINGS, lids=False, folds=False)
    plain, _ = fit(load_speech_corpus(corpora[0]), load_expression_corpus(corpora[1]), facs, settings)
    (tmp_path / "plain").mkdir()
    plain.save(tmp_path / "plain" / "fusion.npz")
    path = mend(tmp_path / "plain", *corpora, tmp_path / "mended")
    mended = FusionModel.load(path.parent)
    assert mended.names == trained[0].names
    np.testing.assert_allclose(mended.blendshapes, trained[0].blendshapes, atol=4e-6)
    assert np.abs(mended.blendshapes - plain.blendshapes).max() > 1e-4
    np.testing.assert_array_equal(
        mended.blendshapes[: mended.speech_count, load_head().lips],
        FusionModel.load(tmp_path / "plain").blendshapes[: mended.speech_count, load_head().lips],
    )
    with pytest.raises(TalkerError, match="mended already"):
        mend(path.parent, *corpora, tmp_path / "again")


def test_a_file_with_mended_lids_gets_its_folds_mended_and_keeps_all_other_bits(trained, corpora, facs, tmp_path):
    (tmp_path / "older").mkdir()
    older = trained[0].save(tmp_path / "older" / "fusion.npz", training={"lids": True})
    path = mend(tmp_path / "older", *corpora, tmp_path / "mended")
    assert checkpoint.load_config(path, "fusion network")["training"]["folds"]
    before, after = (checkpoint.load(file, "fusion network")[1] for file in (older, path))
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {"blendshapes"}
    still = ~np.logical_or(*regions(load_head(), facs.faces))
    np.testing.assert_array_equal(after["blendshapes"][:, still], before["blendshapes"][:, still])
    count = trained[0].speech_count
    np.testing.assert_array_equal(after["blendshapes"][:count], before["blendshapes"][:count])
    assert (after["blendshapes"][count:] != before["blendshapes"][count:]).any()


def test_lip_shapes_made_anew_are_the_same_and_leave_the_rest(trained, corpora, tmp_path):
    (tmp_path / "first").mkdir()
    trained[0].save(tmp_path / "first" / "fusion.npz", training={"lids": True, "folds": True})
    path = extend(tmp_path / "first", *corpora, tmp_path / "again")
    first, again = FusionModel.load(tmp_path / "first"), FusionModel.load(path.parent)
    assert again.names == first.names
    np.testing.assert_allclose(again.blendshapes, first.blendshapes, atol=2e-6)
    plain = FusionModel(*without_lip_shapes(first.network, first.names), first.geometry_map)
    assert len(plain.names) == len(first.names) - len(OPENING) - len(TOGETHER)
    speech, expression = load_speech_corpus(corpora[0]), load_expression_corpus(corpora[1])
    for kind, corpus in (("speech", speech), ("expression", expression)):
        frames = corpus.of_split("test")[0].curves
        weights = again.all_weights(frames, corpus.basis, kind)
        np.testing.assert_allclose(
            weights[:, : len(plain.names)], plain.all_weights(frames, corpus.basis, kind), atol=1e-3
        )
    assert not again.all_weights(speech.of_split("test")[0].curves, speech.basis, "speech")[:, len(plain.names) :].any()
    frames = np.concatenate([take.curves for take in expression.of_split("train") if take.label == "surprised"])
    opened, wanted = again.blendshapes[again.speech_count :], expression.basis
    gap = again.weights(frames, wanted, "expression") @ (opened[:, UPPER_LIP, 1] - opened[:, LOWER_LIP, 1])
    np.testing.assert_allclose(gap, frames @ (wanted[:, UPPER_LIP, 1] - wanted[:, LOWER_LIP, 1]), atol=0.001)


def test_real_vertex_sequences_train_too(corpora, facs, tmp_path):
    takes = [take for take in emotion_takes() if take.expression == "happy"]
    for number, take in enumerate(takes):  # few frames: 5 x 8 files
        takes[number] = ExpressionTake(take.subject, take.expression, take.split, take.curves[::5])
    write_florence4d(facs, takes, tmp_path / "florence", seed=0)
    compact = load_speech_corpus(corpora[0])
    spoken = []
    for number, sequence in enumerate(compact.sequences[:2]):
        deltas = np.tensordot(sequence.curves[:30], compact.basis, 1).astype(np.float32)
        spoken.append(
            SpeechSequence(
                f"sentence{number + 1:02d}", f"voice{number}", "train", len(deltas), facs.neutral,
                lambda: np.zeros(8000, np.float32), lambda start, stop, deltas=deltas: deltas[start:stop],
            )
        )  # fmt: skip
    write_faceformer(spoken, tmp_path / "voca")
    vertices = load_speech_corpus(tmp_path / "voca")
    assert len(vertices.sequences) == 2 and vertices.sequences[0].curves.shape[0] == 30
    rebuilt = np.tensordot(vertices.sequences[0].curves, vertices.basis, 1)
    wanted = np.tensordot(compact.sequences[0].curves[:30], compact.basis, 1)
    np.testing.assert_allclose(rebuilt, wanted, atol=2e-5)

    settings = FusionTraining(network=NETWORK, steps=1, batch=4)
    geometry = corpora[0] / "facs.npz"
    path = train(tmp_path / "voca", tmp_path / "florence", tmp_path / "model.npz", settings, geometry)
    assert path.name == "model.npz" and path.is_file()
    with pytest.raises(TalkerError, match="--geometry"):
        train(tmp_path / "voca", tmp_path / "florence", tmp_path / "model.npz", settings)


def test_a_missing_geometry_or_corpus_is_one_plain_line(corpora, tmp_path):
    with pytest.raises(TalkerError, match="no such folder|not a whole"):
        train(corpora[0], tmp_path / "nowhere", tmp_path, SETTINGS)
    with pytest.raises(TalkerError, match="FACS geometry"):
        train(corpora[0], corpora[1], tmp_path, SETTINGS, geometry=tmp_path / "none.npz")


def test_evaluation_tells_fusion_from_direct_addition(trained, corpora, facs):
    speech, expression = load_speech_corpus(corpora[0]), load_expression_corpus(corpora[1])
    library, head = ExpressionLibrary.load(), load_head()
    predictions = {"s3": (speech.of_split("test")[0].curves * 0.9, speech.basis)}
    fused = measure(Fused(trained[0]), speech, expression, library, head, facs.faces, predictions)
    added = measure(DirectAddition(), speech, expression, library, head, facs.faces, predictions)
    assert fused.columns["closures_worst"] > 97.0 > added.columns["closures_worst"]
    assert fused.columns["expression_leak"] < 0.01 < added.columns["expression_leak"]
    assert fused.columns["speech_leak"] < added.columns["speech_leak"]
    assert added.columns["lve_rise"] == pytest.approx(0.0, abs=1e-9) and fused.columns["lve_before"] > 0
    assert added.columns["upper_face_kept"] == pytest.approx(100.0)
    assert np.isnan(added.columns["roughness"]) and fused.columns["roughness"] > 0
    assert (
        fused.columns["bitten_worst"] == 100 and 0 <= fused.columns["teeth_worst"] <= fused.columns["teeth_mean"] <= 100
    )
    assert added.columns["noisy_error"] == pytest.approx(0.2 * np.sqrt(8 / np.pi), rel=0.02)  # all of the noise
    assert fused.columns["noisy_error"] < 0.5 * added.columns["noisy_error"]
    assert np.isnan(added.columns["emotion_probe"]) and fused.columns["emotion_own"] > 90.0
    assert fused.columns["emotion_chance"] == pytest.approx(100 / 3)
    assert 0 <= fused.columns["phone_own"] <= 100 and fused.columns["phone_chance"] == 50.0
    assert 0 < fused.columns["likeness_within"] < 1 and 0 < fused.columns["likeness_across"] < 1
    systems = {"full model": fused, "direct addition": added}
    table = format_table(systems)
    assert "closures kept, surprised" in table and "direct addition" in table.splitlines()[0]
    short = ablation_table(systems).splitlines()
    assert len(short) == 3 and short[1].startswith("full model") and short[2].split()[-1] == "-"
    assert len({len(line) for line in short}) == 1 and set(SHORT_COLUMNS) <= set(COLUMNS) == set(fused.columns)


def test_cross_domain_weights_grow_from_nothing_and_sparsity_holds_them_back(corpora, facs):
    speech, expression = load_speech_corpus(corpora[0]), load_expression_corpus(corpora[1])
    sizes = []
    for steps, sparsity in ((0, 0.0), (SETTINGS.steps, 100.0), (SETTINGS.steps, 0.0)):
        model, _ = fit(speech, expression, facs, replace(SETTINGS, steps=steps, sparsity=sparsity))
        region = np.flatnonzero(load_head().face > 0.5)
        sizes.append(evaluate_fusion._cross_domain(model, speech, expression, region))
    for kind in ("speech_cross", "expression_cross"):
        assert sizes[0][kind] < 1e-6 and sizes[1][kind] < 0.5 * sizes[2][kind], kind


def test_a_model_trained_twice_is_the_same_to_the_byte(corpora, tmp_path):
    settings = replace(SETTINGS, steps=3)
    first, second = (train(*corpora, tmp_path / name, settings).read_bytes() for name in ("one", "two"))
    assert first == second


def test_evaluate_writes_text_and_json(corpora, tmp_path):
    table = evaluate_fusion.evaluate(*corpora, json_path=tmp_path / "table.json")
    content = json.loads((tmp_path / "table.json").read_text())
    assert set(content) == {"full model", "direct addition"}
    assert content["full model"]["closures_worst"] >= 97.0
    assert "full model" in table


def test_more_blendshapes_rebuild_more(corpora):
    table = size_table(*corpora, counts=(1, 5)).splitlines()
    few, many = ([float(cell) for cell in line.split()] for line in table[1:])
    assert (few[0], many[0]) == (1, 5)
    assert all(more <= less + 1e-4 for less, more in zip(few[1:], many[1:], strict=True)) and many[3] < few[3]


def test_ablations_change_one_thing_each():
    settings = FusionTraining()
    variants = evaluate_fusion.ablations(settings)
    assert len(variants) >= 5 and all(variant != settings for variant in variants.values())
    assert variants["without sparsity"].sparsity == 0 and not variants["without geometric mapping"].geometry_mapping


def test_gap_and_contact_follow_their_definitions():
    head = load_head()
    opening = np.zeros((4, 2, 3))
    direction = head.vertices[3546] - head.vertices[3504]
    opening[:, 0] = np.outer([0, 1, 2, 3], direction / np.linalg.norm(direction)) * 1e-3
    np.testing.assert_allclose(lip_gaps_of_pair(opening, head), [0, 1, 2, 3], atol=1e-6)
    moved = 1e-3 * np.array([[0, 2, -3], [0, -2, -3], [5, 1, 0.5], [0, 0, 0]])
    np.testing.assert_allclose(off_the_teeth(moved), [-2, 2, 0.5, 0], atol=1e-9)


class _EmotionOpensTheMouth(DirectAddition):
    """Speech as it is, expressions as a lower lip that drops by a millimetre and a half."""

    def deform(self, curves, basis, kind, vertices):
        made = super().deform(curves, basis, kind, vertices)
        if kind == "expression":
            made = np.zeros_like(made)
            made[:, list(vertices).index(3504), 1] = -1.5e-3
        return made


def test_contacts_are_counted_against_the_neutral_take(corpora):
    speech, library, head = load_speech_corpus(corpora[0]), ExpressionLibrary.load(), load_head()
    takes = speech.of_split("test")
    kept = contacts_kept(_EmotionOpensTheMouth(), speech, takes, library, head)
    gap = lip_gaps_of_pair(np.tensordot(takes[0].curves, speech.basis[:, [3546, 3504]], 1), head)
    threshold = 0.15 * np.percentile(gap, 95)
    opened = lip_gaps_of_pair(
        np.tensordot(takes[0].curves, speech.basis[:, [3546, 3504]], 1) + np.array([[0, 0, 0], [0, -1.5e-3, 0]]), head
    )
    expected = 100 * (opened[gap < threshold] < threshold).mean()
    assert expected < 60 and "neutral" not in kept["closures"]
    assert all(share == pytest.approx(expected) for share in kept["closures"].values())
    assert all(share == 0.0 for share in [*kept["bitten"].values(), *kept["teeth"].values()])
