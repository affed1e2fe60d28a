"""Folders of voices: who is in them, and one line for what is none."""

import numpy as np
import pytest
import soundfile

from blendshape_talker.errors import TalkerError
from blendshape_talker.training.corpus.voices import LETTERS, acted_voices, plain_voices, read_voices
from blendshape_talker.training.speech import evaluate_emotion


def clip(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(1600), 16000)


def test_names_say_who_speaks_and_who_is_held_out(tmp_path):
    for letter in LETTERS:
        clip(tmp_path / "emodb" / f"03a01{letter}a.wav")
    for name in ("s1/bbaf2n.flac", "s3/bbaf2n.flac", "others/ann_bbaf2n.flac"):
        clip(tmp_path / "people" / name)
    assert {voice.speaker for voice in acted_voices(tmp_path / "emodb")} == {"03"}
    held = {voice.speaker: voice.held_out for voice in plain_voices(tmp_path / "people")}
    assert held == {"s1": False, "s3": True, "ann": True}


@pytest.mark.parametrize("read", [acted_voices, plain_voices, read_voices])
@pytest.mark.parametrize("name", ["nowhere", "file", "empty"])
def test_what_holds_no_voices_is_one_line(tmp_path, read, name):
    (tmp_path / "file").write_text("hello")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TalkerError, match=name):
        read(tmp_path / name)


def test_nobody_held_out_is_said_before_anything_is_heard(tmp_path):
    clip(tmp_path / "people" / "s1" / "bbaf2n.flac")
    with pytest.raises(TalkerError, match="held out"):
        evaluate_emotion.run(tmp_path / "nowhere", tmp_path / "people", tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
