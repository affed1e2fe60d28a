"""Figures of head and gaze: known turns and looks come out as they went in."""

import json

import numpy as np
import pytest
import soundfile

from blendshape_talker.errors import TalkerError
from blendshape_talker.training import evaluate_motion

NUMBERS = np.array([33, 133, 263, 362, 468, 473])


def eyes_that_look(down, aside, tilt=0.0):
    """Landmarks (T, 6, 3) in pixels of two eyes 30 mm wide at 4 pixels a mm, head tilted by ``tilt`` radians."""
    frames = len(down)
    points = np.zeros((frames, 6, 3))
    for iris, outer, inner, middle in ((4, 0, 1, -32.0), (5, 2, 3, 32.0)):
        side = np.sign(middle)
        points[:, outer, 0], points[:, inner, 0] = middle + 15 * side, middle - 15 * side
        points[:, iris, 0] = middle + 10.5 * np.sin(np.radians(aside))
        points[:, iris, 1] = -10.5 * np.sin(np.radians(down))
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    points[..., :2] = 4 * points[..., :2] @ turn.T + 300
    return points


@pytest.mark.parametrize("tilt", [0.0, 0.2])
def test_gaze_is_what_the_iris_says(tilt):
    down, aside = np.array([0.0, 10.0, 5.0]), np.array([0.0, -8.0, 12.0])
    gaze = evaluate_motion.gaze_of(eyes_that_look(down, aside, tilt), NUMBERS, 60.0)
    assert gaze == pytest.approx(np.stack([down, aside], axis=1), abs=0.6)


def test_figures_of_a_known_motion():
    clock = np.arange(600) / 60
    head = np.stack([3 * np.sin(2 * np.pi * 0.5 * clock), 0 * clock + 2, 0 * clock], axis=1)
    speaking = clock < 5
    figures, mean = evaluate_motion.measure(head, np.zeros((600, 2)), speaking)
    assert figures[:3] == pytest.approx([3 / np.sqrt(2), 0, 0], abs=0.1)
    assert figures[3] == pytest.approx(6.0, abs=0.4)  # 4 x 3 degrees in 2 seconds
    assert mean == pytest.approx([0, 2, 0], abs=0.05)
    assert np.isnan(evaluate_motion.measure(head, np.zeros((600, 2)), speaking | True)[0][4])


def test_the_table_has_people_and_ours(tmp_path):
    corpus, marks = tmp_path / "people", tmp_path / "grid"
    for folder in ("wav", "pose"):
        (corpus / folder).mkdir(parents=True)
    marks.mkdir()
    clock = np.arange(48000) / 16000
    sound = (
        0.2 * np.sin(2 * np.pi * 120 * clock) * (np.sin(2 * np.pi * 2 * clock) > 0) * ((clock > 0.5) & (clock < 2.5))
    )
    soundfile.write(corpus / "wav" / "bbaf2n.flac", sound, 16000)
    np.save(corpus / "pose" / "bbaf2n.npy", np.radians(np.random.default_rng(0).normal(size=(180, 6))))
    (corpus / "sequences.json").write_text(json.dumps([{"name": "bbaf2n", "subject": "s1"}]))
    with pytest.raises(TalkerError, match="no landmarks of bbaf2n"):
        evaluate_motion.run(corpus, marks)
    points = eyes_that_look(np.linspace(0, 10, 75), np.zeros(75)) / [16 / 15, -1, -16 / 15]
    steps = np.diff(np.round(32 * points), axis=0, prepend=0)
    np.savez(
        marks / "s1_landmarks.npz",
        clips=np.array(["bbaf2n"]), landmark=NUMBERS, fps=25.0, first_and_steps_32nds_px=steps[None].astype(np.int16),
    )  # fmt: skip
    lines = evaluate_motion.run(corpus, marks, tmp_path / "figures.json").splitlines()
    assert [line.split()[0] for line in lines] == ["person", "s1", "ours"]
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["s1"]["gaze down sd"] == pytest.approx(2.9, abs=0.3) and figures["ours"]["clips"] == 1
    with pytest.raises(TalkerError, match="no corpus of people"):
        evaluate_motion.run(tmp_path, marks)
