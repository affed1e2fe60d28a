"""What is written before a line is: nothing of it can be seen, and the line that comes of it is the same."""

import bpy
import pytest
from playing import played, strips_of

from blendshape_talker.blender import animation
from blendshape_talker.blender.lines import actions, hand_keys
from blendshape_talker.blender.lines.hands import is_edited
from blendshape_talker.expression.cues import Cue, CueTake

SLICE = 0.0  # seconds: as little at a time as there is


@pytest.fixture
def take(make_take):
    """A take with blinks and a strip for each of two emotions."""
    plain = make_take(blinks=True, expression=4, about={"fps": 24.0})
    emotion = plain.weights[:, plain.speech_count :] - plain.blink_weights
    emotion[:, 3] = 0.0  # a blendshape that never moves
    cues = CueTake(Cue(0.0, 2.0, "happy"), 0, emotion), CueTake(Cue(0.5, 1.5, "sad"), 12, 0.5 * emotion[12:36])
    return animation.Take(**{**vars(plain), "cues": cues, "lip_weights": 0.1 * emotion})


@pytest.fixture
def wanted(make_head, take):
    """What lies in the file once the take was written at once; the file is empty again."""
    head = make_head()
    animation.write_take(head, take)
    found = contents()
    bpy.data.batch_remove([head, *bpy.data.actions])
    return found


def contents():
    """Notes and keys of every Action of the file."""
    return {
        action.name: (
            action.get(hand_keys.BAKED),
            {path: points.tolist() for path, points in actions.read_curves(action).items()},
        )
        for action in bpy.data.actions
    }


def begun(head, take):
    """Drafts of which everything is written, in slices between which nothing of it can be seen."""
    drafts, shares = animation.Drafts(head, take), [0.0]
    while shares[-1] < 1.0:
        shares.append(drafts.write(SLICE))
        assert head.data.shape_keys is None and not animation.is_baked(head)
    assert len(shares) > 10 and shares == sorted(shares)
    return drafts


def test_a_line_written_in_slices_is_the_same(wanted, make_head, take):
    head = make_head()
    animation.write_take(head, take, begun(head, take))
    assert contents() == wanted
    (line,) = animation.lines(head)
    assert not any(is_edited(action) for action in line.actions())
    assert all(hand_keys.hand_frames(action) == {} for action in line.actions())


def test_what_an_undo_took_away_is_written_again(wanted, make_head, take):
    head = make_head()
    drafts = begun(head, take)
    bpy.data.batch_remove(list(bpy.data.actions))
    animation.write_take(head, take, drafts)
    assert contents() == wanted


def test_nothing_stays_when_nothing_comes_of_it(make_head, take):
    drafts = animation.Drafts(make_head(), take)
    for _ in range(4):
        drafts.write(SLICE)
    assert bpy.data.actions
    drafts.discard()
    assert not bpy.data.actions


def test_what_blender_stopped_goes_with_the_next(make_head, take):
    head = make_head()
    begun(head, take)
    mine = bpy.data.actions.new("mine")
    animation.Drafts(head, take)
    assert list(bpy.data.actions) == [mine]


def test_a_head_that_hands_changed_meanwhile_gets_the_right_keys(scene, make_head, make_take):
    head, take = make_head(), make_take(about={"recording": "/a.wav"})
    animation.write_take(head, take)
    again = make_take(about={"recording": "/a.wav"}, seed=1)
    drafts = animation.Drafts(head, again)
    drafts.write(60.0)
    head.data.shape_keys.key_blocks[1].name = "renamed meanwhile"
    head.name = "Renamed"
    animation.write_take(head, again, drafts)
    assert played(scene, head, again) < 1e-5
    assert "renamed meanwhile" in actions.curves_of(strips_of(head, "speech")[0].action)[0].data_path
    assert sum("draft" in action.name for action in bpy.data.actions) == 0
