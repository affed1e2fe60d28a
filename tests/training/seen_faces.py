"""Faces as a camera would see them: the bundled head with a few shapes of our own making, turned and projected."""

from pathlib import Path

import numpy as np
import soundfile
from scipy.spatial.transform import Rotation

from blendshape_talker import checkpoint
from blendshape_talker.face.flame import load_head
from blendshape_talker.training.geometry import landmark_map
from blendshape_talker.training.geometry.facs import KIND, Facs

# Where each shape moves the face (mm, x for the left side) and how (mm, whole unit); both sides get a mirrored one.
_BUMPS = {
    "mouthPucker": ((0, -43), (0, 0, 9), 14), "mouthFunnel": ((0, -43), (0, 1, 7), 18),
    "mouthRollLower": ((0, -48), (0, 4, -9), 8), "mouthRollUpper": ((0, -38), (0, -4, -8), 8),
    "mouthPress": ((12, -44), (0, 1, -1), 8), "mouthUpperUp": ((8, -36), (0, 6, 0), 8),
    "mouthLowerDown": ((8, -50), (0, -7, 0), 8), "mouthSmile": ((24, -45), (6, 7, -3), 12),
    "mouthStretch": ((24, -45), (8, -2, -2), 12), "browDown": ((25, 42), (-1, -6, 0), 12),
    "browInnerUp": ((12, 42), (0, 8, 0), 10), "browOuterUp": ((40, 42), (0, 8, 0), 10),
    "eyeBlink": ((30, 27), (0, -8, 0), 6), "eyeSquint": ((30, 15), (0, 4, 0), 6), "eyeWide": ((30, 27), (0, 3, 0), 5),
    "eyeLookDown": ((30, 22), (0, -4, 0), 5), "eyeLookUp": ((30, 22), (0, 4, 0), 5),
    "eyeLookIn": ((30, 22), (-4, 0, 0), 5), "eyeLookOut": ((30, 22), (4, 0, 0), 5),
}  # fmt: skip
_WHOLE = ("mouthPucker", "mouthFunnel", "mouthRollLower", "mouthRollUpper")
FPS, FRAMES, SECONDS = 25, 75, 3.0


def geometry() -> Facs:
    """The bundled head with shapes whose names, places and directions are FACS's."""
    head = load_head()
    neutral = 1000 * head.vertices.astype(float)
    front = 1 / (1 + np.exp(-neutral[:, 2] / 5))
    shapes = {}
    below = (1 / (1 + np.exp((neutral[:, 1] + 43.5) / 0.6)) * head.face)[:, None]
    shapes["jawOpen"] = below * np.array([0.0, -30.0, -12.0])
    shapes["mouthClose"] = below * np.array([0.0, 30.0, 12.0]) * np.exp(-((neutral[:, 1:2] + 45) ** 2) / 200)
    for name, ((x, y), direction, width) in _BUMPS.items():
        for side, sign in (("", 1),) if name in _WHOLE else (("_L", 1), ("_R", -1)):
            apart = np.hypot(neutral[:, 0] - sign * x, neutral[:, 1] - y)
            bump = np.exp(-((apart / width) ** 2)) * front
            shapes[name + side] = bump[:, None] * np.array(direction) * [sign, 1, 1]
    identities = np.stack([0.03 * neutral * [1, 0, 0], 0.03 * neutral * [0, 1, 0]])
    deltas = np.stack(list(shapes.values())) / 1000
    return Facs(
        np.array(list(shapes)),
        deltas.astype(np.float32),
        head.vertices,
        (identities / 1000).astype(np.float32),
        head.faces,
    )


def write_geometry(path: Path) -> Facs:
    facs = geometry()
    checkpoint.save(path, KIND, {}, vars(facs))
    return facs


def numbers_and_places(facs: Facs) -> tuple[np.ndarray, np.ndarray]:
    """MediaPipe's numbers (L,) of the points that a camera would report, and where they lie from the front (L,2) mm."""
    places = {n: 1000 * facs.neutral[v].mean(axis=0)[:2] for n, v in landmark_map.rim_points(facs).items()}
    for edge, rim, more in (
        (landmark_map.UPPER_LIP_EDGE, landmark_map.UPPER_LIP_RIM, 5),
        (landmark_map.LOWER_LIP_EDGE, landmark_map.LOWER_LIP_RIM, -6),
    ):
        for number, inner in zip(edge, rim, strict=True):
            places[number] = places[inner] * [1.15, 1] + [0, more * (1 - (places[inner][0] / 23) ** 2)]
    for number, y in zip((10, 168, 6, 197, 195, 5, 4, 1, 152), (68, 24, 17, 11, 5, 0, -5, -11, -92), strict=True):
        places[number] = np.array([0.0, y])
    for right, left, x, y in (
        (109, 338, 14, 66), (67, 297, 28, 62), (103, 332, 40, 56), (54, 284, 50, 48), (21, 251, 56, 38),
        (162, 389, 60, 28), (127, 356, 62, 16), (234, 454, 62, 2), (58, 288, 52, -48),
        (105, 334, 36, 42), (107, 336, 12, 40), (70, 300, 46, 38),
    ):  # fmt: skip
        places[right], places[left] = np.array([-x, y], float), np.array([x, y], float)
    return np.array(list(places)), np.array(list(places.values()))


def speaking(frames: int = FRAMES) -> np.ndarray:
    """A mouth's opening 0 … 1 at 25 frames a second: shut, four syllables, shut."""
    clock = np.arange(frames) / FPS
    inside = (clock > 0.4) & (clock < 2.4)
    return np.where(inside, np.sin(np.pi * (clock - 0.4) * 2) ** 2, 0.0)


def seen(facs: Facs, weights: np.ndarray, turn_degrees=(3.0, 8.0, -2.0), pixels_per_mm: float = 1.6) -> np.ndarray:
    """Landmarks (T,L,3) px, x right, y up, of a face with ``weights`` (T,S), turned and placed somewhere."""
    numbers, places = numbers_and_places(facs)
    points = landmark_map.place_landmarks(facs, numbers, places).points
    moved = 1000 * (points(facs.neutral.astype(float)) + np.einsum("ts,sld->tld", weights, points(facs.deltas)))
    whole = np.zeros((len(weights), len(numbers), 3))
    kept = [place for place, number in enumerate(numbers) if number not in landmark_map.IRIS_RIMS]
    turned = Rotation.from_euler("xyz", turn_degrees, degrees=True).apply(moved.reshape(-1, 3))
    whole[:, kept] = pixels_per_mm * turned.reshape(moved.shape) + [360, -280, 0]
    return whole


def write_landmarks(
    folder: Path, facs: Facs, group: str, clips: list[str], noise_px: float = 0.2, texts: list[str] | None = None
) -> None:
    """A landmark file and recordings as `corpus people` reads them; every clip sounds the same.

    With ``texts`` no GRID's: square pixels, and WAV.
    """
    numbers, _ = numbers_and_places(facs)
    generator = np.random.default_rng(len(group))
    aspect, suffix, more = 16 / 15, "ogg", {}
    if texts is not None:
        aspect, suffix, more = 1.0, "wav", {"texts": np.array(texts), "pixel_aspect": np.float64(1)}
    steps = []
    opening = speaking()
    (folder / group).mkdir(parents=True)
    for clip in clips:
        weights = np.zeros((FRAMES, len(facs.names)))
        weights[:, list(facs.names).index("jawOpen")] = 0.3 * opening
        points = seen(facs, weights) + generator.normal(0, noise_px, (FRAMES, len(numbers), 3))
        raw = np.rint(32 * points / [aspect, -1, -aspect]).astype(np.int16)
        steps.append(np.diff(raw, axis=0, prepend=np.zeros_like(raw[:1])))
        time = np.arange(round(16000 * SECONDS)) / 16000
        sound = 0.2 * np.sin(700 * time) * np.interp(time, np.arange(FRAMES) / FPS, opening)
        soundfile.write(folder / group / f"{clip}.{suffix}", sound + 1e-3 * generator.normal(size=len(time)), 16000)
    np.savez(
        folder / f"{group}_landmarks.npz", clips=np.array(clips), landmark=numbers.astype(np.int16),
        first_and_steps_32nds_px=np.array(steps), fps=np.float32(FPS),
        **more,
    )  # fmt: skip
