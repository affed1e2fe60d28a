"""The training side's entries of the command line: what they refuse, in one line and before any work."""

import json

import numpy as np
import pytest

from blendshape_talker import __main__ as command_line
from blendshape_talker import checkpoint
from blendshape_talker.speech import whisper
from blendshape_talker.training.geometry.facs import KIND


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["corpus", "encoder", "--whisper", "none.npz", "--out", "out.npz"], "none.npz"),
        (["evaluate", "speech", "--corpus", "nowhere"], "nowhere"),
        (["evaluate", "people", "--corpus", "nowhere"], "nowhere"),
        (["train", "speech", "--corpus", "nowhere", "--out", "speech.npz", "--cache", "cache"], "nowhere"),
        (["train", "speech", "--corpus", "nowhere", "--out", "speech.pt", "--cache", "cache"], "npz"),
    ],
)
def test_errors_are_one_line(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command_line.main(arguments) == 1
    error = capsys.readouterr().err.strip().splitlines()
    assert words in error[-1] and "Traceback" not in "".join(error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "line",
    [
        "corpus geometry --data nowhere --out facs.npz",
        "corpus geometry --data other --out facs.npz",
        "corpus geometry --data broken --out facs.npz",
        "corpus geometry --data . --out file/facs.npz",
        "corpus geometry --data . --out facs.npz --head folder",
        "corpus geometry --data . --out facs.npz --picture nowhere/picture.png",
        "corpus speech --geometry facs.npz --out file",
        "corpus speech --geometry facs.npz --out out --ljspeech nowhere",
        "corpus people --geometry facs.npz --landmarks nowhere --out out",
        "corpus expressions --geometry facs.npz --out file/out",
        "corpus mel-filters --out file/filters.npz",
        "train speech --corpus folder --out s.npz --cache file",
        "train speech --corpus folder --out s.npz --cache cache --people nowhere",
        "train speech --corpus folder --out s.npz --cache cache --hold-out s2",
        "train speech --corpus half --out s.npz --cache cache",
        "train speech --corpus odd --out s.npz --cache cache",
        "train emotion --emodb folder --people nowhere --out e.npz --cache cache",
        "train fusion --speech folder --expressions folder --out file",
        "train fusion --speech folder --expressions folder --out out --lips-of folder --steps 3",
        "train fusion --speech folder --expressions folder --out out --lids-of folder --seed 1",
        "train fusion --speech folder --expressions folder --out out --lids-of folder",
        "evaluate speech --corpus folder --json nowhere/figures.json",
        "evaluate speech --corpus folder --whisper file",
        "evaluate speech --corpus folder --sizes --windows --work work --cache cache",
        "evaluate people --corpus folder --leave-out work --speech folder",
        "evaluate people --corpus folder --cache cache",
        "evaluate people --corpus none --leave-out work --speech none --cache cache --start nowhere.npz",
        "evaluate motion --corpus odd --landmarks folder",
        "evaluate motion --corpus none --landmarks folder",
        "evaluate conditions --ljspeech file",
        "evaluate fusion --speech folder --expressions folder --sizes --json figures.json",
        "benchmark --long --seconds 20",
        "benchmark --first-use --device cuda",
        "benchmark --json folder",
    ],
)
def test_hasty_mistakes_leave_one_line_and_nothing_else(line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("hello")
    for name in ("folder", "other", "broken", "half", "odd", "none"):
        (tmp_path / name).mkdir()
    np.savez(tmp_path / "other" / "ict_facekit.npz", neutral=np.zeros((3, 3)))
    (tmp_path / "broken" / "ict_facekit.npz").write_bytes(b"PK\x03\x04")
    nothing = np.zeros((1, 5023, 3), np.float32)
    facs = {"names": np.array(["jawOpen"]), "deltas": nothing, "neutral": nothing[0], "identities": nothing}
    for name, entries in (("half", [{"name": "a"}]), ("odd", {"a": 1}), ("none", [])):
        (tmp_path / name / "sequences.json").write_text(json.dumps(entries))
        checkpoint.save(tmp_path / name / "facs.npz", KIND, {}, {**facs, "faces": np.zeros((1, 3), np.int32)})
    before = sorted(tmp_path.rglob("*"))
    assert command_line.main(line.split()) == 1
    (error,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert error.startswith("blendshape_talker: ") and "Traceback" not in error
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "line",
    [
        "corpus speech --geometry facs.npz --out out --hours 0",
        "corpus speech --geometry facs.npz --out out --hours nan",
        "corpus speech --geometry facs.npz --out out --processes 0",
        "corpus speech --geometry facs.npz --out out --seed -1",
        "corpus expressions --geometry facs.npz --out out --identities 0",
        "corpus encoder --whisper whisper.npz --out e.npz --layers 0",
        "train speech --corpus folder --out s.npz --cache cache --steps 0",
        "train speech --corpus folder --out s.npz --cache cache --copies -1",
        "train fusion --speech folder --expressions folder --out out --steps -4",
        "train fusion --speech folder --expressions folder --out out --lids-of folder --lips-of folder",
        "evaluate speech --corpus folder --ablations --work w --cache c --variant-steps 0",
        "evaluate fusion --speech folder --expressions folder --ablations --ablation-steps x",
        "evaluate fusion --speech folder --expressions folder --ablations --sizes",
        "benchmark --seconds 0",
        "benchmark --long 0",
        "benchmark --long inf",
        "benchmark --edits -1",
        "benchmark --edits --long",
    ],
)
def test_numbers_that_make_no_sense_are_refused(line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(SystemExit) as stopped:
        command_line.main(line.split())
    assert stopped.value.code == 2 and "error: argument --" in capsys.readouterr().err
    assert list(tmp_path.rglob("*")) == [tmp_path / "folder"]


def test_encoder_is_written(capsys, tmp_path):
    width = whisper.WhisperConfig().width
    generator = np.random.default_rng(0)
    shapes = {"conv1.weight": (width, 80, 3), "conv1.bias": (width,), "conv2.weight": (width, width, 3)}
    shapes |= {"conv2.bias": (width,)}
    linear = {"attn.qkv": (3 * width, width), "attn.out": (width, width), "mlp.0": (4 * width, width)}
    for name, shape in (linear | {"mlp.2": (width, 4 * width)}).items():
        shapes |= {f"blocks.0.{name}.weight": shape, f"blocks.0.{name}.bias": shape[:1]}
    for name in ("attn_ln", "mlp_ln"):
        shapes |= {f"blocks.0.{name}.weight": (width,), f"blocks.0.{name}.bias": (width,)}
    np.savez(tmp_path / "original.npz", **{name: generator.normal(size=shape) for name, shape in shapes.items()})
    out = tmp_path / "encoder.npz"
    arguments = ["corpus", "encoder", "--whisper", tmp_path / "original.npz", "--out", out, "--layers", "1"]
    assert command_line.main([str(argument) for argument in arguments]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert whisper.WhisperEncoder.load(out).config.layers == 1
