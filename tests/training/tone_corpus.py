"""A miniature speech corpus whose sounds are loud when the mouth is open."""

import json
from pathlib import Path

import numpy as np
import soundfile

from blendshape_talker import checkpoint
from blendshape_talker.face.flame import LOWER_LIP, UPPER_LIP, load_head
from blendshape_talker.training.geometry.facs import KIND, Facs

SECONDS = 3.0
SPLITS = {"anna": "train", "berta": "train", "clara": "val", "dora": "test"}


def opening(seed: int, frames: int) -> np.ndarray:
    """0 … 1: syllables of 0.2–0.4 s, some with the mouth shut."""
    generator = np.random.default_rng(seed)
    curve, frame = np.zeros(frames), 12
    while frame < frames - 24:
        length = int(generator.integers(12, 24))
        height = generator.choice([0.0, 0.6, 1.0])
        curve[frame : frame + length] = height * np.sin(np.pi * np.arange(length) / length) ** 2
        frame += length
    return curve


def make(folder: Path) -> Path:
    """A corpus in our own layout: two shapes (the mouth opens, the brows rise), four speakers of two clips each."""
    head = load_head()
    lower = head.mouth * (head.vertices[:, 1] < head.vertices[[UPPER_LIP, LOWER_LIP], 1].mean())
    deltas = np.zeros((2, 5023, 3), np.float32)
    deltas[0, :, 1], deltas[1, :, 1] = -0.012 * lower, 0.005 * head.upper_face
    facs = Facs(np.array(["jawOpen", "browInnerUp_L"]), deltas, head.vertices, np.zeros((1, 5023, 3)), head.faces)
    checkpoint.save(folder / "facs.npz", KIND, {}, vars(facs))
    np.savez(folder / "subjects.npz", names=np.array(list(SPLITS)), templates=np.stack([head.vertices] * len(SPLITS)))
    (folder / "wav").mkdir()
    (folder / "curves").mkdir()
    entries = []
    for number, (subject, split) in enumerate(SPLITS.items()):
        for clip in range(2):
            name, frames = f"{subject}_sentence{clip + 1:02d}", round(60 * SECONDS)
            curve = opening(10 * number + clip, frames)
            time = np.arange(round(16000 * SECONDS)) / 16000
            loudness = np.interp(time, np.arange(frames) / 60, curve)
            pitch = 110 + 25 * number
            voice = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 25))
            sound = 0.2 * loudness * voice + 1e-3 * np.random.default_rng(number).normal(size=len(time))
            soundfile.write(folder / "wav" / f"{name}.flac", np.clip(sound, -1, 1), 16000)
            brow = 0.3 * np.sin(np.arange(frames) / 40)
            np.save(folder / "curves" / f"{name}.npy", np.stack([curve, brow], 1).astype(np.float16))
            phones = [[0.0, 0.2, "SIL"], [0.2, SECONDS, "AA"]]
            entries.append({"name": name, "subject": subject, "split": split, "seconds": SECONDS, "phones": phones})
            entries[-1] |= {"voice": "tone", "text": f"clip {clip}", "source": ""}
    (folder / "sequences.json").write_text(json.dumps(entries))
    return folder
