"""Cues: what a person writes becomes strips that cross-fade, read from CSV with one clear line for what is wrong."""

import numpy as np
import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.expression import cues
from blendshape_talker.expression.cues import Cue, arrange, fade, read_cues
from blendshape_talker.expression.library import ExpressionLibrary

LIBRARY = ExpressionLibrary.load()
TIMES = np.arange(0, 12, 0.01)


def fades(listed, duration=12.0):
    return [fade(cue, TIMES) for cue in arrange(listed, duration, LIBRARY)]


def test_one_cue_rises_and_falls_over_the_emotions_own_times():
    (strip,) = arrange([Cue(2.0, 8.0, "happy", 0.7)], 12.0, LIBRARY)
    happy = LIBRARY.emotions["happy"]
    assert strip == Cue(2.0, 8.0, "happy", 0.7, happy.onset, happy.offset)
    on = fade(strip, TIMES)
    assert not on[TIMES < 2.0].any() and not on[TIMES >= 8.0].any()
    np.testing.assert_allclose(on[np.searchsorted(TIMES, 2.0 + 0.25 * happy.onset)], 0.25, atol=0.03)
    assert on[(TIMES > 2.5) & (TIMES < 7.0)].min() == 1.0
    assert np.abs(np.diff(on, 2)[(TIMES[2:] > 2.05) & (TIMES[2:] < 2.35)]).max() < 1e-9, "a linear ramp"


def test_touching_cues_meet_in_the_middle_of_a_cross_fade_without_a_dip():
    first, second = fades([Cue(0.0, 5.0, "happy"), Cue(5.0, 12.0, "sad")])
    between = (TIMES > 1.0) & (TIMES < 11.0)
    np.testing.assert_allclose((first + second)[between], 1.0, atol=1e-9)
    middle = np.searchsorted(TIMES, 5.0)
    np.testing.assert_allclose([first[middle], second[middle]], 0.5, atol=0.02)


def test_cues_that_overlap_cross_fade_over_the_overlap():
    first, second = fades([Cue(0.0, 5.0, "happy"), Cue(3.0, 12.0, "sad")])
    between = (TIMES > 1.0) & (TIMES < 11.0)
    np.testing.assert_allclose((first + second)[between], 1.0, atol=1e-9)
    assert first[np.searchsorted(TIMES, 4.0)] == pytest.approx(0.5, abs=0.01)


def test_a_cue_inside_another_and_given_blends_are_a_mixture():
    outer, inner = fades([Cue(0.0, 12.0, "happy"), Cue(4.0, 6.0, "surprised")])
    at = np.searchsorted(TIMES, 5.0)
    assert outer[at] == inner[at] == 1.0
    first, second = fades([Cue(0.0, 5.0, "happy", 1.0, 0.5, 0.0), Cue(3.0, 12.0, "sad", 1.0, 0.0, 0.0)])
    at = np.searchsorted(TIMES, 4.0)
    assert first[at] == second[at] == 1.0
    assert second[np.searchsorted(TIMES, 3.0) + 1] == 1.0, "no blend, no ramp"


def test_arranging_again_changes_nothing_and_order_does_not_matter():
    listed = [Cue(5.0, 8.0, "sad"), Cue(0.0, 5.0, "happy"), Cue(7.0, 20.0, "angry"), Cue(9.0, 9.2, "surprised")]
    strips = arrange(listed, 12.0, LIBRARY)
    assert arrange(strips, 12.0, LIBRARY) == strips == arrange(listed[::-1], 12.0, LIBRARY)
    assert max(strip.end for strip in strips) == 12.0
    assert all(strip.blend_in + strip.blend_out <= strip.seconds + 1e-9 for strip in strips)
    assert arrange([], 12.0, LIBRARY) == ()


def test_the_fade_of_a_cue_does_not_depend_on_cues_that_do_not_meet_it():
    alone = arrange([Cue(4.0, 6.0, "angry")], 12.0, LIBRARY)[0]
    among = arrange([Cue(0.0, 3.0, "sad"), Cue(4.0, 6.0, "angry"), Cue(7.0, 9.0, "happy")], 12.0, LIBRARY)
    assert alone in among


def test_cues_that_cannot_be_played_are_refused():
    with pytest.raises(TalkerError, match="starts at 13 s; the recording ends at 12.00 s"):
        arrange([Cue(13.0, 14.0, "happy")], 12.0, LIBRARY)
    with pytest.raises(TalkerError, match="more than 8 cues at"):
        arrange([Cue(0.1 * k, 9.0, "happy") for k in range(9)], 12.0, LIBRARY)
    with pytest.raises(TalkerError, match="too many"):
        cues.check_cues([Cue(0.0, 1.0, "happy")] * 2001, LIBRARY.names)


def test_blinks_come_at_the_pace_of_what_is_felt():
    strips = arrange([Cue(1.0, 6.0, "afraid"), Cue(6.0, 9.0, "angry")], 12.0, LIBRARY)
    pace = [cues.blink_interval(strips, LIBRARY, second) for second in (0.5, 3.0, 8.0)]
    assert pace == [LIBRARY.emotions[name].blink_interval for name in ("neutral", "afraid", "angry")]


def test_a_table_is_read_with_and_without_its_last_columns(tmp_path):
    path = tmp_path / "cues.csv"
    path.write_text("start,end,emotion\n0,2.5,happy\n\n# a note\n2.5,4,sad\n")
    assert read_cues(path, LIBRARY.names) == [Cue(0.0, 2.5, "happy"), Cue(2.5, 4.0, "sad")]
    path.write_text("\ufeffstart, end, emotion, intensity, blend_in, blend_out\n1, 2, Angry, 0.7, , 0.5\n3,4,sad\n")
    assert read_cues(path, LIBRARY.names) == [Cue(1.0, 2.0, "angry", 0.7, None, 0.5), Cue(3.0, 4.0, "sad")]
    path.write_text("start;end;emotion;intensity\n1,5;2,25;happy;0,5\n")
    assert read_cues(path, LIBRARY.names) == [Cue(1.5, 2.25, "happy", 0.5)]
    path.write_bytes("start,end,emotion\n1,2,happy\n".encode("utf-16"))
    assert read_cues(path, LIBRARY.names) == [Cue(1.0, 2.0, "happy")]


def test_what_is_written_reads_back(tmp_path):
    listed = [Cue(0.1, 2.0 / 3, "happy", 0.3), Cue(1.0, 2.0, "sad", 1.0, 0.25, None)]
    assert read_cues(cues.write_cues(tmp_path / "cues.csv", listed), LIBRARY.names) == listed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("begin,end,emotion\n0,1,happy\n", r"line 1: the first line must be start,end,emotion"),
        ("start,end,emotion\n0,1,happy\n1,x,sad\n", r"line 3: 'x' is no number under end"),
        ("start,end,emotion\n0,1,hapy\n", r"line 2: no emotion 'hapy'; choose one of neutral"),
        ("start,end,emotion\n0,1\n", r"line 2: no emotion; write"),
        ("start,end,emotion\n0,,happy\n", r"line 2: nothing under end"),
        ("start,end,emotion\n2,1,happy\n", r"line 2: a cue from 2 to 1 s"),
        ("start,end,emotion\n-1,1,happy\n", r"line 2: a cue from -1 to 1 s"),
        ("start,end,emotion\n0,nan,happy\n", r"line 2: 'nan' is no number"),
        ("start,end,emotion,intensity\n0,1,happy,2\n", r"line 2: intensity 2 is out of range; choose 0 to 1.5"),
        ("start,end,emotion,intensity,blend_in,blend_out\n0,1,happy,1,0.8,0.4\n", r"line 2: blends of 0.8 and 0.4 s"),
        ("start,end,emotion\n0,1,happy,1\n", r"line 2: 4 fields under 3 columns"),
        ("start,end,emotion\n", r"no cues in it"),
        ("", r"no cues in it"),
        ("start,end,emotion\n" + "0,1,happy\n" * 2001, r"line 2002: more than 2000 cues"),
        ('start,end,emotion\n0,1,"' + "x" * 200_000 + '"\n', r"line \d: field larger"),
    ],
)
def test_bad_tables_are_one_line_that_names_the_line(tmp_path, text, message):
    path = tmp_path / "cues.csv"
    path.write_text(text)
    with pytest.raises(TalkerError, match=message) as error:
        read_cues(path, LIBRARY.names)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_files_that_are_no_text_too_large_or_absent_are_refused(tmp_path):
    path = tmp_path / "cues.csv"
    path.write_bytes(bytes(range(128, 256)) * 10)
    with pytest.raises(TalkerError, match="not a text file"):
        read_cues(path, LIBRARY.names)
    path.write_bytes(b"start,end,emotion\n" + b"#" * 2_000_000)
    with pytest.raises(TalkerError, match="larger than 2 MB"):
        read_cues(path, LIBRARY.names)
    with pytest.raises(TalkerError, match="cannot be read"):
        read_cues(tmp_path / "none.csv", LIBRARY.names)
