"""Marks in SRT and WebVTT transcripts."""

import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.expression.cues import Cue, read_cues
from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.expression.transcript import read_marks

NAMES = ExpressionLibrary.load().names

SRT = """1
00:00:01,000 --> 00:00:03,000
[angry] Who did that?

2
00:00:03,500 --> 00:00:05,000
<i>(angry)</i> Tell me.

3
00:00:09,000 --> 00:00:11,000
Nothing is felt here. [door slams] (music)

4
00:00:11,200 --> 00:00:14,200
(sad 0.7) I am so sorry [Happy: 50%] it is over
"""


def marks(text):
    return [fields for _, fields in read_marks(text, NAMES, "talk.srt")]


def test_marks_become_cues_and_lines_of_one_emotion_one_cue(tmp_path):
    path = tmp_path / "talk.srt"
    path.write_text(SRT)
    angry, sad, happy = read_cues(path, NAMES)
    assert angry == Cue(1.0, 5.0, "angry")
    assert (sad.start, sad.emotion, sad.intensity) == (11.2, "sad", 0.7)
    assert sad.end == happy.start == pytest.approx(12.8, abs=0.3), "where the mark stands among the words"
    assert (happy.end, happy.emotion, happy.intensity) == (14.2, "happy", 0.5)


def test_webvtt_with_hours_left_out_settings_voices_and_notes():
    text = (
        "WEBVTT - a talk\n\nNOTE [angry]\n\nintro\n00:01.000 --> 00:02.500 align:start\n<v Ann>[afraid-mild] Oh.\n\n"
        "01:00:00.250 --> 01:00:01.000\nfine (surprised 1.2)\n"
    )
    assert marks(text) == [(1.0, 2.5, "afraid-mild", 1.0), (3600.25, 3601.0, "surprised", 1.2)]


def test_a_line_without_a_mark_ends_the_emotion_and_a_short_pause_does_not():
    block = "{}\n00:00:{:06.3f} --> 00:00:{:06.3f}\n{}\n\n"
    lines = [(0, 2, "[happy] a"), (2.5, 3.0, "b"), (3.4, 5, "[happy] c"), (5.9, 7, "[sad] d"), (9, 10, "[sad] e")]
    text = "".join(block.format(n, start, end, words) for n, (start, end, words) in enumerate(lines))
    assert marks(text) == [
        (0.0, 2.5, "happy", 1.0), (3.4, 5.9, "happy", 1.0), (5.9, 7.0, "sad", 1.0), (9.0, 10.0, "sad", 1.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\n00:00:01,000 --> 00:00:02,000\nHello.\n", "no line carries an emotion"),
        ("1\n00:00:01,000 --> later\n[angry] Hello.\n", "line 2: times as"),
        ("1\n00:00:03,000 --> 00:00:02,000\n[angry] Hello.\n", "line 2: ends at 2 s, before it starts"),
        ("1\n00:00:01,000 --> 00:00:02,000\n(angrry 0.5) Hello.\n", "line 2: no emotion 'angrry'"),
        ("1\n00:00:01,000 --> 00:00:02,000\n(angry 3) Hello.\n", "line 2: intensity 3 is out of range"),
        ("", "no line carries"),
    ],
)
def test_bad_transcripts_are_one_line(tmp_path, text, message):
    path = tmp_path / "talk.srt"
    path.write_text(text)
    with pytest.raises(TalkerError, match=message) as error:
        read_cues(path, NAMES)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("filler", [" ", "(", "[a", "<", "(a ", "-->", "0 --> 0\n", "(angry 1"])
def test_hostile_text_ends(filler):
    # backtracking without a bound would take days
    text = "00:00:01,000 --> 00:00:02,000\n" + filler * (2_000_000 // len(filler))
    with pytest.raises(TalkerError):
        read_marks(text, NAMES, "talk.srt")
