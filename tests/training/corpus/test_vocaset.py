"""VOCASET as published, FaceFormer's layout and our curves, all in miniature."""

import json
import pickle

import numpy as np
import pytest
import soundfile
from face_shapes import NAMES, neutral_head, shape_deltas, write_geometry
from python2_pickle import python2_pickle

from blendshape_talker import checkpoint
from blendshape_talker.errors import TalkerError
from blendshape_talker.face.flame import VERTEX_COUNT
from blendshape_talker.training.corpus import vocaset_subjects
from blendshape_talker.training.corpus.faceformer import write_faceformer
from blendshape_talker.training.corpus.phones import SILENCE, Phone
from blendshape_talker.training.corpus.speech_layouts import read_corpus
from blendshape_talker.training.corpus.speech_sequence import write_json
from blendshape_talker.training.corpus.vocaset import write_vocaset
from blendshape_talker.training.geometry.facs import load_facs

TRAIN, TEST = vocaset_subjects.TRAIN_SUBJECTS[0], vocaset_subjects.TEST_SUBJECTS[0]
SEQUENCES = {TRAIN: ("sentence01", "sentence02"), TEST: ("sentence20", "sentence21")}
FRAMES = 6


def click(rate: int, seconds: float, moment: float) -> np.ndarray:
    """Silence with one click at ``moment`` s, int16."""
    samples = np.zeros(int(rate * seconds), np.int16)
    samples[int(rate * moment) : int(rate * moment) + rate // 500] = 20000
    return samples


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """VOCASET in miniature: two subjects, two sentences each, six frames a sentence; rows lie shuffled in the file."""
    folder = tmp_path_factory.mktemp("vocaset")
    generator = np.random.default_rng(0)
    total = FRAMES * sum(map(len, SEQUENCES.values()))
    np.save(folder / "data_verts.npy", generator.normal(0, 0.1, (total, VERTEX_COUNT, 3)).astype(np.float32))
    order = iter(generator.permutation(total))
    rows = {s: {name: {frame: int(next(order)) for frame in range(FRAMES)} for name in n} for s, n in SEQUENCES.items()}
    sound = {"audio": click(22000, 0.3, 0.15), "sample_rate": 22000}
    sounds = {subject: dict.fromkeys(names, sound) for subject, names in SEQUENCES.items()}
    templates = {subject: generator.normal(0, 0.1, (VERTEX_COUNT, 3)) for subject in SEQUENCES}
    for name, content in (("subj_seq_to_idx", rows), ("raw_audio_fixed", sounds), ("templates", templates)):
        (folder / f"{name}.pkl").write_bytes(python2_pickle(content))
    return folder, rows, templates


def test_our_python_2_pickles_are_what_latin1_readers_expect(published):
    folder, _, templates = published
    with open(folder / "templates.pkl", "rb") as stream:
        loaded = pickle.load(stream, encoding="latin1")
    np.testing.assert_array_equal(loaded[TRAIN], templates[TRAIN])


def test_published_files(published):
    folder, rows, templates = published
    sequences = read_corpus(folder)
    # The published splits leave sentences 1-20 of test subjects out.
    assert {(s.name, s.split) for s in sequences} == {
        (f"{TRAIN}_sentence01", "train"),
        (f"{TRAIN}_sentence02", "train"),
        (f"{TEST}_sentence21", "test"),
    }
    vertices = np.load(folder / "data_verts.npy")
    for sequence in sequences:
        index = [rows[sequence.subject][sequence.name.rpartition("_")[2]][frame] for frame in range(FRAMES)]
        expected = vertices[index] - templates[sequence.subject].astype(np.float32)
        np.testing.assert_allclose(sequence.deltas(), expected, atol=1e-6)
        np.testing.assert_allclose(sequence.deltas(2, 5), expected[2:5], atol=1e-6)
        assert sequence.frames == FRAMES and sequence.fps == 60
        assert sequence.curves() is None and sequence.phones is None


def test_sound_is_16_khz_as_long_as_the_frames_and_moved_by_the_offset(published):
    folder, *_ = published
    for offset, lead in ((0.0, 0.0), (None, vocaset_subjects.PICTURE_LEAD_SECONDS), (0.1, 0.1), (-0.05, -0.05)):
        samples = read_corpus(folder, offset)[0].samples()
        assert samples.dtype == np.float32 and len(samples) == 1600
        if 0.15 - lead < 0.1:
            assert np.abs(samples).argmax() / 16000 == pytest.approx(0.15 - lead, abs=0.004)


def test_broken_sets_are_named(published, tmp_path):
    folder, rows, templates = published
    with pytest.raises(TalkerError, match="no speech corpus"):
        read_corpus(tmp_path)
    for name in ("data_verts.npy", "raw_audio_fixed.pkl", "subj_seq_to_idx.pkl", "templates.pkl"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "templates.pkl").write_bytes(python2_pickle({TRAIN: templates[TRAIN]}))
    with pytest.raises(TalkerError, match=f"no template of {TEST}"):
        read_corpus(tmp_path)
    (tmp_path / "templates.pkl").write_bytes((folder / "templates.pkl").read_bytes())
    (tmp_path / "subj_seq_to_idx.pkl").write_bytes(python2_pickle("no table"))
    with pytest.raises(TalkerError, match="no table of subjects"):
        read_corpus(tmp_path)
    (tmp_path / "subj_seq_to_idx.pkl").write_bytes(python2_pickle(rows))
    np.save(tmp_path / "data_verts.npy", np.zeros((3, VERTEX_COUNT, 3), np.float32))
    with pytest.raises(TalkerError, match="beyond data_verts"):
        read_corpus(tmp_path)
    np.save(tmp_path / "data_verts.npy", np.zeros((3, 12, 3), np.float32))
    with pytest.raises(TalkerError, match="expected"):
        read_corpus(tmp_path)


@pytest.fixture
def faceformer(tmp_path):
    for part in ("vertices_npy", "wav"):
        (tmp_path / part).mkdir()
    generator = np.random.default_rng(1)
    templates = {subject: generator.normal(0, 0.1, (VERTEX_COUNT, 3)) for subject in SEQUENCES}
    for subject, names in SEQUENCES.items():
        for name in names:
            vertices = generator.normal(0, 0.1, (FRAMES, 3 * VERTEX_COUNT))
            np.save(tmp_path / "vertices_npy" / f"{subject}_{name}.npy", vertices)
            soundfile.write(tmp_path / "wav" / f"{subject}_{name}.wav", click(22000, 0.3, 0.15), 22000)
    (tmp_path / "templates.pkl").write_bytes(python2_pickle(templates))
    return tmp_path, templates


def test_faceformers_layout(faceformer):
    folder, templates = faceformer
    sequences = read_corpus(folder)
    assert {(s.name, s.split) for s in sequences} == {
        (f"{TRAIN}_sentence01", "train"),
        (f"{TRAIN}_sentence02", "train"),
        (f"{TEST}_sentence21", "test"),
    }
    sequence = sequences[0]
    stored = np.load(folder / "vertices_npy" / f"{sequence.name}.npy").reshape(FRAMES, VERTEX_COUNT, 3)
    np.testing.assert_allclose(sequence.deltas(1) + sequence.template, stored[1:], atol=1e-6)
    samples = sequence.samples()
    assert len(samples) == 1600 and np.abs(samples).argmax() / 16000 == pytest.approx(0.055, abs=0.004)


def test_a_misshapen_file_is_named(faceformer):
    folder, _ = faceformer
    path = folder / "vertices_npy" / f"{TRAIN}_sentence01.npy"
    np.save(path, np.zeros((4, 30)))
    with pytest.raises(TalkerError, match="sentence01"):
        read_corpus(folder)


@pytest.fixture
def curves(tmp_path):
    """Our layout: three subjects, one take of half a second each."""
    folder = tmp_path / "curves-corpus"
    for part in ("curves", "wav"):
        (folder / part).mkdir(parents=True)
    write_geometry(folder / "facs.npz")
    generator = np.random.default_rng(2)
    subjects = ["subject00", "subject01", "subject02"]
    entries = []
    for subject, split in zip(subjects, ("train", "val", "test"), strict=True):
        name = f"{subject}_sentence001"
        weights = generator.uniform(0, 0.3, (30, len(NAMES))).astype(np.float16)
        np.save(folder / "curves" / f"{name}.npy", weights)
        soundfile.write(folder / "wav" / f"{name}.flac", click(16000, 0.5, 0.2), 16000)
        phones = [[0.0, 0.2, SILENCE], [0.2, 0.5, "P"]]
        entry = {"name": name, "subject": subject, "split": split, "voice": "v", "text": "pa"}
        entries.append(entry | {"seconds": 0.5, "phones": phones})
    templates = np.stack([neutral_head() + 0.001 * i for i in range(3)])
    np.savez(folder / "subjects.npz", names=np.array(subjects), templates=templates)
    write_json(folder / "sequences.json", entries)
    return folder


def test_our_curves_are_weights_times_shapes(curves):
    sequences = read_corpus(curves)
    assert [s.split for s in sequences] == ["train", "val", "test"]
    sequence = sequences[1]
    weights = np.load(curves / "curves" / f"{sequence.name}.npy").astype(np.float32)
    np.testing.assert_allclose(sequence.deltas(), np.tensordot(weights, shape_deltas(), 1), atol=1e-6)
    np.testing.assert_array_equal(sequence.curves(), weights)
    assert sequence.deltas(10, 14).shape == (4, VERTEX_COUNT, 3) and sequence.deltas(40).shape == (0, VERTEX_COUNT, 3)
    assert sequence.phones[1] == Phone(0.2, 0.5, "P") and len(sequence.samples()) == 8000


@pytest.mark.parametrize("write", [write_vocaset, write_faceformer])
def test_what_we_write_in_their_layouts_reads_back(curves, tmp_path, write):
    sequences = read_corpus(curves)
    seen = []
    write(sequences, tmp_path / "out", lambda fraction, message: seen.append(fraction))
    back = read_corpus(tmp_path / "out")
    assert seen[-1] == 1.0
    assert [(s.name, s.subject, s.split, s.frames) for s in back] == [
        (s.name, s.subject, s.split, s.frames) for s in sequences
    ]
    for one, two in zip(sequences, back, strict=True):
        np.testing.assert_allclose(two.deltas(), one.deltas(), atol=1e-6)
        np.testing.assert_allclose(two.template, one.template, atol=1e-7)
        assert np.abs(two.samples()).argmax() == pytest.approx(np.abs(one.samples()).argmax(), abs=40)


def test_vocasets_layout_is_exactly_theirs(curves, tmp_path):
    write_vocaset(read_corpus(curves), tmp_path / "out")
    vertices = np.load(tmp_path / "out" / "data_verts.npy", mmap_mode="r")
    assert vertices.shape == (90, VERTEX_COUNT, 3) and vertices.dtype == np.float32
    loaded = {}
    for name in ("subj_seq_to_idx", "raw_audio_fixed", "templates"):
        with open(tmp_path / "out" / f"{name}.pkl", "rb") as stream:
            loaded[name] = pickle.load(stream, encoding="latin1")
    assert loaded["subj_seq_to_idx"]["subject01"]["sentence001"][29] == 59
    sound = loaded["raw_audio_fixed"]["subject00"]["sentence001"]
    assert sound["audio"].dtype == np.int16 and sound["sample_rate"] == 22000 and len(sound["audio"]) == 11000
    assert loaded["templates"]["subject02"].shape == (VERTEX_COUNT, 3)


def test_subjects_nobody_divided_are_divided_by_order(tmp_path):
    names = [f"person{i}" for i in range(7)]
    splits = vocaset_subjects.splits_of(names, tmp_path)
    assert [splits[name] for name in names] == ["train"] * 5 + ["val", "test"]
    assert set(vocaset_subjects.splits_of(names[:2], tmp_path).values()) == {"train"}


def test_broken_files_of_ours_are_named(curves, tmp_path):
    with pytest.raises(TalkerError, match="corpus geometry"):
        load_facs(tmp_path / "nothing.npz")
    (tmp_path / "broken.npz").write_bytes(b"no")
    with pytest.raises(TalkerError, match="not a readable FACS geometry file.*corpus geometry"):
        load_facs(tmp_path / "broken.npz")
    checkpoint.save(tmp_path / "head.npz", "head", {}, {"neutral": neutral_head()})
    with pytest.raises(TalkerError, match="holds a head"):
        load_facs(tmp_path / "head.npz")
    (curves / "wav" / "subject00_sentence001.flac").write_bytes(b"not sound")
    with pytest.raises(TalkerError, match="recording"):
        read_corpus(curves)[0].samples()
    (curves / "sequences.json").write_text("[{")
    with pytest.raises(TalkerError, match="sequences.json"):
        read_corpus(curves)


def test_json_is_one_entry_a_line(tmp_path):
    write_json(tmp_path / "list.json", [{"a": 1}, {"b": 2}])
    assert len((tmp_path / "list.json").read_text().splitlines()) == 4
    assert json.loads((tmp_path / "list.json").read_text()) == [{"a": 1}, {"b": 2}]
