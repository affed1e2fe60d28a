"""Speaking styles on curves made here: what a fit finds, what applying it changes, and that closed lips stay closed."""

import numpy as np
import pytest

from blendshape_talker import checkpoint
from blendshape_talker.errors import TalkerError
from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.speech import style
from blendshape_talker.speech.network import load_weights
from blendshape_talker.speech.style_motion import read_motion

CONFIG, _, BASIS = load_weights(checkpoint.ASSETS / "speech.npz")
MOUTH = style.mouth_measures(BASIS)


def movement(seconds=8.0, seed=0):
    """Coefficients (T, K) that wander, with a mouth that opens some 8 mm and shuts three times a second."""
    clock = np.arange(round(60 * seconds)) / 60
    rng = np.random.default_rng(seed)
    phases, rates = rng.uniform(0, 6, len(BASIS)), rng.uniform(0.5, 4, len(BASIS))
    made = 0.3 * np.sin(2 * np.pi * clock[:, None] * rates + phases)
    wanted = np.maximum(8 * np.sin(np.pi * 3 * clock) ** 2 - 1.5, 0.0)
    way = np.linalg.lstsq(MOUTH.T, np.array([1.0, 0.0]), rcond=None)[0]
    made = made - np.outer(made @ MOUTH[:, 0], way)
    return made + np.outer(wanted, way)


def test_plain_gains_open_so_much_further_and_the_average_is_untouched():
    made = movement()
    gap, width = (made @ MOUTH).T
    open_frames = gap > 0.5 * np.percentile(gap, 95)
    louder = style.Style.plain("clear", 1.25, 0.8).apply(made, BASIS) @ MOUTH
    assert louder[open_frames, 0] == pytest.approx(1.25 * gap[open_frames], rel=1e-3)
    assert louder[open_frames, 1] == pytest.approx(0.8 * width[open_frames], abs=0.01)
    assert style.Style.plain("same").apply(made, BASIS) == pytest.approx(made, abs=1e-4)


@pytest.mark.parametrize("name", style.STYLES)
def test_lips_that_meet_still_meet(name):
    made = movement()
    chosen = style.named(name) or style.Style.plain(name)
    before, after = made @ MOUTH, chosen.apply(made, BASIS) @ MOUTH
    shut = before[:, 0] < 0.15 * np.percentile(before[:, 0], 95)
    assert shut.mean() > 0.1
    assert (after[shut, 0] < 0.15 * np.percentile(after[:, 0], 95) + 1e-3).all()
    assert after[:, 0].min() > before[:, 0].min() - 0.01


def test_a_style_is_found_again_from_motion_and_survives_its_file(tmp_path):
    made, other = movement(seed=1), movement(seed=2)
    habit = 0.4 * MOUTH[:, 0] + 0.15 * np.linspace(-1, 1, len(BASIS))
    seen = np.stack([np.maximum(made @ habit, 0), 1.3 * (made @ MOUTH[:, 1])], axis=1)
    found = style.fit("somebody", [made], [seen], BASIS)
    found.save(tmp_path / "somebody.style")
    again = style.named(str(tmp_path / "somebody.style"))
    assert again.name == "somebody"
    wanted = np.maximum(other @ habit, 0)
    plain, own = np.maximum(other @ MOUTH[:, 0], 0), np.maximum(again.apply(other, BASIS) @ MOUTH[:, 0], 0)
    assert np.corrcoef(own, wanted)[0, 1] > np.corrcoef(plain, wanted)[0, 1]
    assert abs(np.percentile(own, 95) / np.percentile(wanted, 95) - 1) < 0.15
    assert np.percentile(plain, 95) / np.percentile(wanted, 95) > 1.5


def test_motion_is_read_from_weights_and_from_vertices(tmp_path):
    made = movement().astype(np.float32)
    names = [f"speech {number}" for number in range(len(BASIS))]
    empty = np.zeros((len(made), 0), np.float32)
    np.savez(tmp_path / "take.npz", fps=60.0, names=names, speech_weights=made, expression_weights=empty)
    from_weights = read_motion(tmp_path / "take.npz", names, BASIS).mouth
    assert from_weights == pytest.approx(made @ MOUTH, abs=1e-3)
    head = style.load_head().vertices
    vertices = (head + np.einsum("tk,kvc->tvc", made[:120], BASIS)).astype(np.float32)
    np.save(tmp_path / "take.npy", vertices.reshape(len(vertices), -1))
    from_vertices = read_motion(tmp_path / "take.npy", names, BASIS).mouth
    assert np.corrcoef(from_vertices[:, 0], from_weights[:120, 0])[0, 1] > 0.99
    with pytest.raises(TalkerError, match="other blendshapes"):
        read_motion(tmp_path / "take.npz", ["another"], BASIS)


def test_curves_of_live_link_face_are_read(tmp_path):
    library = ExpressionLibrary.load()
    facs = dict(zip(library.directions, library.basis, strict=True))
    path = tmp_path / "take.csv"
    lines = ["Timecode,BlendshapeCount,JawOpen,MouthClose,MouthSmileLeft,MouthSmileRight,MouthLeft"]
    lines += [f"00:00:00:{n:02d}.000,61,{0.5 * (n > 3)},{0.5 * (n > 6)},{0.2},{0.2},0" for n in range(10)]
    path.write_text("\n".join(lines) + "\n")
    gap, width = read_motion(path, [], BASIS, facs).mouth.T
    open_jaw, smile = (style.mouth_measures(facs[name][None])[0] for name in ("jawOpen", "mouthSmile_L"))
    assert gap[5] - gap[0] == pytest.approx(0.5 * open_jaw[0], rel=0.05) and gap[5] > 4
    assert gap[8] == pytest.approx(gap[0], abs=0.2)
    assert width[0] == pytest.approx(2 * 0.2 * smile[1], rel=0.1) and width[0] > 0.5
    path.write_text("Timecode,BlendshapeCount,EyeBlinkLeft\n0,61,0.5\n")
    with pytest.raises(TalkerError, match="no curve JawOpen"):
        read_motion(path, [], BASIS, facs)


def live_link(path, codes, opened):
    """A file of Live Link Face with one curve, ``opened`` (T,), at time codes (T,)."""
    lines = [f"{code},61,{value:.4f}" for code, value in zip(codes, opened, strict=True)]
    path.write_text("\n".join(["Timecode,BlendshapeCount,JawOpen", *lines]) + "\n")
    return path


@pytest.mark.parametrize("fps", [24, 25, 30, 48, 60])
def test_time_codes_say_how_many_frames_make_a_second(tmp_path, fps):
    library = ExpressionLibrary.load()
    facs = dict(zip(library.directions, library.basis, strict=True))
    frames = np.arange(3 * fps)
    frames = frames[(frames < fps) | (frames >= fps + 3)]  # the telephone dropped three
    codes = [f"23:59:{58 + n // fps:02d}:{n % fps:02d}.250" for n in frames[frames < 2 * fps]]
    codes += [f"00:00:00:{n % fps:02d}.250" for n in frames[frames >= 2 * fps]]
    seconds = frames / fps
    gap = read_motion(live_link(tmp_path / "take.csv", codes, seconds / 3), [], BASIS, facs).mouth[:, 0]
    assert len(gap) == pytest.approx(180, abs=3)
    per_second = style.mouth_measures(facs["jawOpen"][None])[0, 0] / 3
    np.testing.assert_allclose(gap, per_second * np.arange(len(gap)) / 60, atol=0.01)


def test_what_live_link_face_does_not_tell_is_said(tmp_path):
    library = ExpressionLibrary.load()
    facs = dict(zip(library.directions, library.basis, strict=True))
    path = live_link(tmp_path / "take.csv", ["00:00:01:00.000"] * 90, np.linspace(0, 1, 90))
    seen = read_motion(path, [], BASIS, facs)
    assert len(seen.mouth) == 90
    assert "no time codes that go on: taken as 60 frames a second; else give --fps" in seen.notes[0]
    assert "without the curves mouthClose, mouthFunnel" in seen.notes[1]
    told = read_motion(path, [], BASIS, facs, fps=30)
    assert len(told.mouth) == pytest.approx(180, abs=2) and len(told.notes) == 1
    with pytest.raises(TalkerError, match="0 frames a second are no motion"):
        read_motion(path, [], BASIS, facs, fps=0)


def test_lips_rolled_in_and_shrugged_move_the_gap_too(tmp_path):
    library = ExpressionLibrary.load()
    facs = dict(zip(library.directions, library.basis, strict=True))
    path = tmp_path / "take.csv"
    rows = "Timecode,BlendshapeCount,JawOpen,MouthRollUpper,MouthShrugUpper,CheekPuff,MouthPucker\n"
    rows += "0,61,1,0,0,0,0\n0,61,1,1,0,0,0\n"
    path.write_text(rows + "0,61,1,0,1,0,0\n0,61,1,0,0,1,0\n")
    gap, width = read_motion(path, [], BASIS, facs).mouth.T
    assert gap[1] < gap[0] - 3 and gap[2] > gap[0] + 3 and width[3] < width[0] - 3


def test_all_of_vocaset_in_one_file_is_no_take(tmp_path):
    np.save(tmp_path / "data_verts.npy", np.zeros((3, 5023, 3), np.float32))
    with pytest.raises(TalkerError, match="holds all sequences of VOCASET; save the rows of one"):
        read_motion(tmp_path / "data_verts.npy", [], BASIS)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("00:00:01:00.000,61", "line 12 has 2 of 3 columns"),
        ("00:00:01:00.000,61,O.5", "'O.5' in line 12 is no number"),
    ],
)
def test_a_broken_line_of_live_link_face_is_named(tmp_path, line, words):
    library = ExpressionLibrary.load()
    path = live_link(tmp_path / "take.csv", [f"00:00:00:{n:02d}.000" for n in range(10)], np.zeros(10))
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(TalkerError, match=words):
        read_motion(path, [], BASIS, dict(zip(library.directions, library.basis, strict=True)))


@pytest.mark.parametrize("content", [b"", b"no motion", np.zeros((5, 7)).tobytes()])
@pytest.mark.parametrize("name", ["take.npz", "take.npy", "take.csv"])
def test_what_is_no_motion_is_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TalkerError, match="no motion that can be read") as error:
        read_motion(tmp_path / name, [], BASIS)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["take.npz", "take.npy"])
def test_damaged_motion_is_one_line_or_motion(tmp_path, name):
    path, moved = tmp_path / name, np.zeros((6, 5023, 3), np.float32)
    if name.endswith("npz"):
        np.savez_compressed(path, fps=30.0, displacements=moved)
    else:
        np.save(path, moved)
    whole, random = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        damaged = bytearray(whole)
        damaged[random.integers(min(len(whole), 400))] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        try:
            assert read_motion(path, [], BASIS).mouth.shape[1] == 2
        except TalkerError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 30


@pytest.mark.parametrize("gains", [np.array(["a", "b"]), np.array([1e6, 1.0]), np.array([-3.0, 1.0]), [np.nan, 1.0]])
def test_a_style_of_absurd_gains_is_one_line(tmp_path, gains):
    path = style.Style.plain("mine", 1.2).save(tmp_path / "mine.style")
    config, arrays = checkpoint.load(path, style.KIND)
    checkpoint.save(path, style.KIND, config, {**arrays, "gains": np.asarray(gains)})
    with pytest.raises(TalkerError, match="numbers that no speaking style has"):
        style.named(str(path))


def test_what_cannot_be_a_style_is_one_line(tmp_path):
    with pytest.raises(TalkerError, match="nobody speaks"):
        style.fit("silent", [np.zeros((400, len(BASIS)))], [np.zeros((400, 2))], BASIS)
    with pytest.raises(TalkerError, match="choose one of average"):
        style.named("loud")
    with pytest.raises(TalkerError, match="choose 0.3 to 2"):
        style.Style.plain("huge", 3.0)
    with pytest.raises(TalkerError, match="at least 5 s"):
        style.fit("short", [movement(3.0)], [np.zeros((180, 2))], BASIS)
    with pytest.raises(TalkerError, match="4.9 s of sound are too little for a style; at least 5 s"):
        style.heard("short", movement(4.98)[:298], BASIS)
    (tmp_path / "x.style").write_text("{}")
    with pytest.raises(TalkerError, match="speaking style"):
        style.named(str(tmp_path / "x.style"))


def test_a_manner_that_is_heard_brings_another_movement_to_its_reach(tmp_path):
    wide = style.heard("wide", 1.5 * movement(seed=1), BASIS)
    wide.save(tmp_path / "wide.style")
    again, other = style.named(str(tmp_path / "wide.style")), movement(30.0, seed=2)
    moved = again.apply(other, BASIS) @ MOUTH
    before, after = style.reach_of(other @ MOUTH), style.reach_of(moved)
    assert again.reach == pytest.approx(style.reach_of(1.5 * movement(seed=1) @ MOUTH), rel=1e-3)
    assert abs(np.log(after[0] / again.reach[0])) < 0.25 * abs(np.log(before[0] / again.reach[0]))
    shut = other @ MOUTH[:, 0] < 0.15 * np.percentile(other @ MOUTH[:, 0], 95)
    assert (moved[shut, 0] < 0.15 * np.percentile(moved[:, 0], 95) + 1e-3).all()
    same = style.heard("same", other, BASIS).apply(other, BASIS)
    assert same == pytest.approx(other, abs=1e-4)


def test_silence_counts_for_nothing_in_a_manner_and_a_word_tells_little():
    spoken, wide = movement(), style.heard("wide", 1.5 * movement(seed=1), BASIS)
    pause = np.zeros((600, len(BASIS)))
    assert style.reach_of(np.concatenate([pause, spoken, pause]) @ MOUTH) == pytest.approx(
        style.reach_of(spoken @ MOUTH)
    )
    word = spoken[:30]
    gained = np.percentile(wide.apply(word, BASIS) @ MOUTH[:, 0], 95) / np.percentile(word @ MOUTH[:, 0], 95)
    assert 1.02 < gained < 1.3
    assert not wide.apply(pause, BASIS).any() and not len(wide.apply(pause[:0], BASIS))


@pytest.mark.parametrize(
    ("made", "reason"),
    [(movement(4.0), "at least 5 s"), (np.zeros((600, len(BASIS))), "hardly anybody speaks")],
)
def test_a_clip_without_a_manner_is_one_line(made, reason):
    with pytest.raises(TalkerError, match=reason):
        style.heard("nobody", made, BASIS)


def test_a_recording_is_a_style_once_it_is_there(tmp_path):
    assert style.is_sound("someone.WAV") and not style.is_sound("clear") and not style.is_sound("x.style")
    with pytest.raises(TalkerError, match="not found|no such|does not exist"):
        style.check(str(tmp_path / "nobody.wav"))
    style.check("clear")
    with pytest.raises(TalkerError, match="a recording"):
        style.check("loud")
