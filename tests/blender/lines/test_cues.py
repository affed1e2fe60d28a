"""Emotions as strips, with the bundled networks: what the NLA shows is what the command line gives."""

import dataclasses

import bpy
import numpy as np
import pytest
from playing import tracks, values_at

from blendshape_talker import checkpoint
from blendshape_talker.blender import animation, bake, emotions, scene_io
from blendshape_talker.blender.lines import cues, derived, layers, marks
from blendshape_talker.errors import TalkerError
from blendshape_talker.expression.cues import Cue
from blendshape_talker.pipeline import Talker
from blendshape_talker.settings import AUTO
from blendshape_talker.speech.emotion import MANNERS, VoiceEmotion
from blendshape_talker.speech.memory import Memory

DEMO_SPEECH = str(checkpoint.ASSETS / "demo_speech.flac")
FIRST = 5
LISTED = (
    Cue(0.0, 1.5, "happy"),
    Cue(1.5, 3.0, "surprised"),
    Cue(2.2, 3.6, "angry", 0.8),
    Cue(0.4, 0.9, "sad", 1, 0, 0),
)


@pytest.fixture(scope="module")
def talker():
    """The bundled networks; they remember the recording, which is the same in all tests."""
    return Talker.load("cpu")


@pytest.fixture(scope="module")
def taken():
    """Takes by what they ask for: the networks hear each once."""
    return {}


@pytest.fixture
def baked(scene, talker, taken, monkeypatch):
    """Function that bakes cues onto the demo head: (head, take)."""
    monkeypatch.setattr(bake, "_talker", lambda device: talker)
    scene.render.fps = 24
    head = scene_io.add_demo_head(bpy.context)

    def write(listed=LISTED, seed=3, start=FIRST, replace=False, **settings):
        performance = bake.Performance(DEMO_SPEECH, cues=listed, seed=seed, **settings)
        request = bake.make_request(scene, head, performance, start, replace)
        key = performance, start
        if key not in taken:
            taken[key] = bake.compute(request, lambda fraction, message="": None, lambda: False)
        bake.apply(request, taken[key], replace)
        return head, taken[key]

    return write


def shown(scene, head, take, rows):
    return np.array([values_at(scene, head, take.names, FIRST + row) for row in rows])


def strip_of(head, name):
    (line,) = animation.lines(head)
    return next((track, strip) for track, strip in cues.cue_strips(line) if strip.name.startswith(name))


def track_names(head):
    return [track.name for track in head.data.shape_keys.animation_data.nla_tracks]


def test_cross_fading_cues_show_what_animate_gives(scene, talker, baked):
    head, take = baked()
    wanted = talker.animate(DEMO_SPEECH, cues=LISTED, fps=24.0, seed=3)
    rows = range(0, wanted.frame_count, 2)
    assert np.abs(wanted.aperture_weights).max() > 0.1 and np.abs(wanted.blink_weights).max() > 0.1
    assert np.abs(shown(scene, head, take, rows) - wanted.weights[rows]).max() < 1e-4
    assert track_names(head) == ["Rest face", "Speech", "Expression", "Expression 2", "Lips", "Blinks"]
    (line,) = animation.lines(head)
    found = [strip for _, strip in cues.cue_strips(line)]
    assert [strip.name for strip in found] == ["happy", "sad", "surprised", "angry 0.8"]
    assert found[0].action.name == "happy | demo_speech | Demo head"
    assert animation.hand_made_animation(head, DEMO_SPEECH, FIRST) is None
    derived.refresh(head, line)  # changes nothing when nothing has changed
    assert np.abs(shown(scene, head, take, rows) - wanted.weights[rows]).max() < 1e-5


def test_moved_faded_and_muted_strips_show_what_animate_gives_for_them(scene, talker, baked):
    head, take = baked()
    track, happy = strip_of(head, "happy")
    data = head.data.shape_keys.animation_data
    happy = layers.move_aside(data, "expression", track, happy, 30.0)  # over the surprised one
    happy.blend_in, happy.blend_out = 4.0, 12.0
    strip_of(head, "sad")[1].mute = True
    (line,) = animation.lines(head)
    derived.refresh(head, line)
    now = [cues.shown_cue(line, strip) for _, strip in cues.cue_strips(line) if not strip.mute]
    assert (
        now[0].emotion == "happy"
        and now[0].start == pytest.approx(30 / 24)
        and now[0].blend_in == pytest.approx(4 / 24)
    )
    wanted = talker.animate(DEMO_SPEECH, cues=now, fps=24.0, seed=3)
    rows = range(0, wanted.frame_count, 3)
    before, expression = talker.animate(DEMO_SPEECH, cues=LISTED, fps=24.0, seed=3), slice(take.speech_count, None)
    plays = shown(scene, head, take, rows)
    # when the eyes blink is drawn for the cues of the bake
    closed = wanted.blink_weights[rows] if np.array_equal(before.blink_closure, wanted.blink_closure) else None
    assert closed is not None
    assert np.abs(plays - wanted.weights[rows])[:, expression].max() < 1e-4
    assert np.abs(plays - before.weights[rows]).max() > 0.1
    assert cues.hand_made(line) == ["sad", "happy"]


def test_one_emotion_is_one_strip_and_another_takes_its_place(scene, baked):
    head, _ = baked(None, emotion="happy")
    _, strip = strip_of(head, "happy")
    strip.mute, strip.blend_in = True, 30.0
    _, take = baked(None, emotion="sad")
    (line,) = animation.lines(head)
    ((_, strip),) = cues.cue_strips(line)
    assert strip.name == "sad" and strip.mute and strip.blend_in == pytest.approx(30.0)
    assert [action.name for action in bpy.data.actions if "happy" in action.name] == []
    assert np.abs(shown(scene, head, take, [40])[0, take.speech_count :] - take.blink_weights[40]).max() < 1e-5


def test_a_bake_of_the_same_keeps_strips_that_hands_have_put_in_or_taken_out(scene, baked):
    head, take = baked()
    track, strip = strip_of(head, "surprised")
    track.strips.remove(strip)
    strip_of(head, "angry")[1].frame_start_ui += 5
    _, again = baked(seed=4)
    (line,) = animation.lines(head)
    assert [strip.name for _, strip in cues.cue_strips(line)] == ["happy", "sad", "angry 0.8"]
    assert np.abs(shown(scene, head, take, [60]) - again.weights[60])[:, : take.speech_count].max() < 1e-5


def test_duplicates_of_a_cue_stay_and_are_named_before_others_come(scene, baked):
    head, _ = baked((Cue(0.0, 3.6, "happy"),))
    track, strip = strip_of(head, "happy")
    strip.frame_end = 30
    data = head.data.shape_keys.animation_data
    twin = layers.place_part(data, "expression", "again", strip.action, 50.0, (10.0, 30.0))
    baked((Cue(0.0, 3.6, "happy"),), seed=4)
    (line,) = animation.lines(head)
    found = [(item.name, item.frame_start, item.frame_end) for _, item in cues.cue_strips(line)]
    assert found == [("happy", 5, 30), ("again", 50, 70)] and twin.name == "again"
    with pytest.raises(TalkerError, match="emotion happy, emotion again"):
        baked((Cue(0.0, 3.6, "sad"),))


def test_other_cues_ask_before_they_replace_what_hands_have_placed(scene, baked):
    head, _ = baked()
    strip_of(head, "angry")[1].frame_start_ui += 5
    with pytest.raises(TalkerError, match="angry 0.8"):
        baked(LISTED[:2])
    _, take = baked(LISTED[:2], replace=True)
    (line,) = animation.lines(head)
    assert [strip.name for _, strip in cues.cue_strips(line)] == ["happy", "surprised"]
    rows = range(0, len(take.weights), 20)
    assert np.abs(shown(scene, head, take, rows) - take.weights[rows]).max() < 1e-4


def test_strength_of_the_expression_turns_all_cues_and_the_lips_hold(scene, talker, baked):
    head, take = baked()
    animation.set_expression_strength(head, 0.5)
    (line,) = animation.lines(head)
    assert animation.expression_strength(head, line) == 0.5
    half = [Cue(cue.start, cue.end, cue.emotion, cue.intensity, cue.blend_in, cue.blend_out) for cue in LISTED]
    full = talker.animate(DEMO_SPEECH, cues=half, fps=24.0, seed=3)
    row = 48
    plays = shown(scene, head, take, [row])[0, take.speech_count :]
    strips = {name: derived.weights_of(head, line, name, np.array([FIRST + row]))[0] for name in ("lips", "blinks")}
    assert np.abs(plays - strips["lips"] - strips["blinks"] - 0.5 * full.cue_weights[row]).max() < 1e-4
    animation.set_expression_strength(head, 1.0)
    assert np.abs(shown(scene, head, take, [row]) - take.weights[row]).max() < 1e-4


def test_a_line_at_another_frame_takes_its_cues_along(scene, baked):
    head, _ = baked()
    _, strip = strip_of(head, "happy")
    strip.blend_in = 3.0
    _, take = baked(start=FIRST + 40)
    (line,) = animation.lines(head)
    assert line.frames[0] == FIRST + 40
    moved = {strip.name: strip.frame_start for _, strip in cues.cue_strips(line)}
    assert moved["happy"] == pytest.approx(FIRST + 40) and moved["sad"] == pytest.approx(
        FIRST + 40 + 0.4 * 24, abs=1e-3
    )
    assert strip_of(head, "happy")[1].blend_in == pytest.approx(3.0)


def test_a_cue_moved_to_another_line_belongs_to_that(scene, baked):
    head, take = baked()
    baked(start=FIRST + len(take.weights) + 20)
    first, second = animation.lines(head)
    track, strip = next(item for item in cues.cue_strips(first) if item[1].name == "sad")
    data = head.data.shape_keys.animation_data
    strip = layers.move_aside(data, "expression", track, strip, second.frames[0] + 3 - strip.frame_start)
    first, second = animation.lines(head)
    assert "sad" not in [item.name for _, item in cues.cue_strips(first)]
    assert strip.name in [item.name for _, item in cues.cue_strips(second)]


def test_a_line_of_one_expression_strip_gets_its_emotions_as_strips_when_it_is_baked_again(scene, baked, talker):
    head, take = baked(None, emotion="happy")
    old = dataclasses.replace(take, cues=(), lip_weights=None)
    animation.write_take(head, old)  # as versions before wrote it
    (line,) = animation.lines(head)
    ((_, strip),) = line.strips["expression"]
    assert cues.cue_strips(line) == [] and "older version" in cues.problem(line)
    assert "Lips" not in [name for name, strips in tracks(head) if strips]
    strip.mute = True
    with pytest.raises(TalkerError, match="what was done to strip"):
        baked(None, emotion="happy")
    strip.mute = False
    baked(None, emotion="happy")
    (line,) = animation.lines(head)
    ((_, strip),) = cues.cue_strips(line)
    assert strip.name == "happy" and cues.problem(line) is None
    rows = range(0, len(take.weights), 20)
    assert np.abs(shown(scene, head, take, rows) - take.weights[rows]).max() < 1e-4


def test_what_the_voice_sounds_like_lies_as_strips(scene, talker, baked, monkeypatch):
    weight, bias = np.zeros((3 * 512 + MANNERS, 2)), np.array([0.0, 9.0])
    monkeypatch.setattr(talker.listener, "_voice_emotion", VoiceEmotion(("neutral", "angry"), weight, bias))
    monkeypatch.setattr(talker.listener, "_voices", Memory())
    head, take = baked(None, emotion=AUTO, intensity=0.8)
    (line,) = animation.lines(head)
    ((_, strip),) = cues.cue_strips(line)
    assert strip.name.startswith("angry") and take.about["cues"] == 1
    assert emotions.spoken(line) == "angry"
    rows = [10, 40]
    np.testing.assert_allclose(shown(scene, head, take, rows), take.weights[rows], atol=1e-3)
    mixed = bake.Performance(DEMO_SPEECH, emotion="happy", heard=0.5).asked(24.0)
    assert mixed != bake.Performance(DEMO_SPEECH, emotion="happy").asked(24.0)


def test_where_nothing_is_heard_the_strip_is_neutral(talker, baked, monkeypatch):
    unsure = VoiceEmotion(("neutral", "angry"), np.zeros((3 * 512 + MANNERS, 2)), np.zeros(2))
    monkeypatch.setattr(talker.listener, "_voice_emotion", unsure)
    monkeypatch.setattr(talker.listener, "_voices", Memory())
    head, take = baked(None, emotion=AUTO)
    (line,) = animation.lines(head)
    ((_, strip),) = cues.cue_strips(line)
    assert strip.name.startswith("neutral") and take.about["cues"] == 0
    assert emotions.spoken(line) == "neutral"


def test_a_cue_whose_mark_has_lost_its_numbers_is_none(scene, baked):
    head, _ = baked((Cue(0.0, 3.6, "happy"),))
    _, strip = strip_of(head, "happy")
    mark = marks.read_action(strip.action)
    for told in ({}, {**mark["cue"], "start": None}, {**mark["cue"], "intensity": "1"}, [1], None):
        marks.write_mark(strip.action, {**mark, "cue": told})
        (line,) = animation.lines(head)
        assert cues.cue_strips(line) == [] and animation.line_at(head, 20).uid == line.uid
        animation.set_expression_strength(head, 0.5)
