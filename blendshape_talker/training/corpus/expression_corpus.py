"""Expression sequences neutral -> apex -> neutral from FACS recipes, and the bundled expression library made of them.

Sixty frames at 60 fps with the apex near frame 30, as in Florence4D (Principi et al. 2023). Every identity has its own
strength, tempo and lopsidedness; every take its own intensity and lags between muscles, and now and then a blink.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ... import checkpoint
from ...errors import TalkerError
from ...expression.blinks import blink_shape
from ...expression.library import Emotion, ExpressionLibrary
from ...expression.motion import smooth_step
from ...files import whole_file
from ...job import Progress
from ..geometry.facs import KIND as GEOMETRY_KIND
from ..geometry.facs import Facs, load_facs
from .expression_recipes import EXPRESSIONS, LIBRARY, Expression

FRAME_COUNT = 60
FPS = 60.0
INDEX_FILE = "expressions.json"
CURVES_FOLDER = "curves"
IDENTITY_COUNT = 24
_IDENTITY_COMPONENTS = 40  # of the geometry's identity directions: the rest is fine detail
_BLINK_CHANCE = 0.3
_STRAY_CHANCE = 0.5
_LIBRARY_MODES = 4


@dataclass(frozen=True)
class ExpressionTake:
    """One sequence: subject (``COMA_CH01``), expression, split, curves (60, S) of FACS weights."""

    subject: str
    expression: str
    split: str
    curves: np.ndarray


def amounts(shapes: Mapping[str, float], names: Sequence[str]) -> np.ndarray:
    """FACS vector (S,) of a recipe; a name without side stands for both. :class:`TalkerError` for an unknown name."""
    index = {name: position for position, name in enumerate(names)}
    result = np.zeros(len(names))
    for name, amount in shapes.items():
        matches = [name] if name in index else [f"{name}_L", f"{name}_R"]
        if not all(match in index for match in matches):
            raise TalkerError(f"the geometry has no shape {name}; make it again with 'corpus geometry'")
        for match in matches:
            result[index[match]] += amount
    return result


def make_takes(
    names: Sequence[str], identity_count: int = IDENTITY_COUNT, seed: int = 0, expressions: Sequence[str] | None = None
) -> list[ExpressionTake]:
    """All takes of ``identity_count`` subjects, every expression once each; the same seed makes the same takes."""
    chosen = {name: EXPRESSIONS[name] for name in (expressions if expressions is not None else EXPRESSIONS)}
    takes = []
    for number, stream in enumerate(np.random.SeedSequence(seed).spawn(identity_count)):
        generator = np.random.default_rng(stream)
        subject, split = f"COMA_CH{number + 1:02d}", split_of(number, identity_count)
        habit = _habit(names, generator)
        tempo = generator.uniform(0.8, 1.25)
        for name, recipe in chosen.items():
            curves = _perform(recipe, names, habit, tempo, generator)
            takes.append(ExpressionTake(subject, name, split, curves.astype(np.float32)))
    return takes


def split_of(number: int, count: int) -> str:
    """Split of an identity: of every six one tests and one validates, as long as there are enough of them."""
    if count < 3:
        return "train"
    if number >= count - 2:
        return ("val", "test")[number - count + 2]
    return ("train", "train", "train", "val", "train", "test")[number % 6]


def identity_template(facs: Facs, number: int, seed: int = 0) -> np.ndarray:
    """Neutral head (5023, 3) of one subject: the canonical head and random identity coefficients."""
    generator = np.random.default_rng(np.random.SeedSequence([seed, number]))
    directions = facs.identities[:_IDENTITY_COMPONENTS]
    coefficients = 0.7 * generator.standard_normal(len(directions))
    return facs.neutral + np.tensordot(coefficients, directions, 1).astype(np.float32)


def write_curves(facs: Facs, takes: Sequence[ExpressionTake], out: str | Path, seed: int) -> Path:
    """The compact layout: ``expressions.json``, ``curves/<subject>_<expression>.npy`` (60, S) f16, ``facs.npz``."""
    folder = Path(out)
    (folder / CURVES_FOLDER).mkdir(parents=True, exist_ok=True)
    (folder / INDEX_FILE).unlink(missing_ok=True)
    index = []
    for take in takes:
        name = f"{take.subject}_{take.expression}"
        with whole_file(folder / CURVES_FOLDER / f"{name}.npy") as stream:
            np.save(stream, take.curves.astype(np.float16))
        index.append({"name": name, "subject": take.subject, "expression": take.expression, "split": take.split})
    save_facs_copy(facs, folder)
    with whole_file(folder / INDEX_FILE) as stream:  # last: a folder with an index is complete
        stream.write(json.dumps({"seed": seed, "fps": FPS, "takes": index}, indent=1).encode())
    return folder


def write_florence4d(
    facs: Facs, takes: Sequence[ExpressionTake], out: str | Path, seed: int, progress: Progress | None = None
) -> Path:
    """Florence4D's layout: ``COMA_CHxx/COMA_CHxx.ply``, ``COMA_CHxx/<Expression>/<Expression>_NN.ply``, doubles."""
    folder = Path(out)
    subjects = sorted({take.subject for take in takes})
    templates = {s: identity_template(facs, int(s.removeprefix("COMA_CH")) - 1, seed) for s in subjects}
    for subject, template in templates.items():
        (folder / subject).mkdir(parents=True, exist_ok=True)
        write_ply(folder / subject / f"{subject}.ply", template, facs.faces)
    for done, take in enumerate(takes):
        title = take.expression[0].upper() + take.expression[1:]
        target = folder / take.subject / title
        target.mkdir(parents=True, exist_ok=True)
        frames = templates[take.subject] + np.tensordot(take.curves, facs.deltas, 1)
        for number, frame in enumerate(frames):
            write_ply(target / f"{title}_{number:02d}.ply", frame, facs.faces)
        if progress:
            progress((done + 1) / len(takes), f"writing {take.subject}")
    return folder


def make_corpus(
    geometry: str | Path,
    out: str | Path,
    identity_count: int = IDENTITY_COUNT,
    layout: str = "curves",
    seed: int = 0,
    progress: Progress | None = None,
) -> Path:
    """``corpus expressions``: make all takes and write them in ``layout`` (curves or florence4d)."""
    if identity_count < 1:
        raise TalkerError(f"{identity_count} identities make no corpus; ask for at least 1")
    facs = load_facs(geometry)
    takes = make_takes([str(name) for name in facs.names], identity_count, seed)
    if layout == "curves":
        return write_curves(facs, takes, out, seed)
    if layout == "florence4d":
        return write_florence4d(facs, takes, out, seed, progress)
    raise TalkerError(f"no layout {layout!r}; choose curves or florence4d")


def make_library(geometry: str | Path, out: str | Path, seed: int = 0) -> Path:
    """``corpus expression-library``: the emotions of :data:`LIBRARY` in the FACS directions that they use."""
    facs = load_facs(geometry)
    return build_library([str(name) for name in facs.names], facs.deltas, seed).save(out)


def build_library(names: Sequence[str], deltas: np.ndarray, seed: int = 0) -> ExpressionLibrary:
    """Library of the recipes on given FACS shapes: names (S,), deltas (S, 5023, 3) in metres."""
    apexes = {name: amounts(recipe.shapes, names) for name, recipe in LIBRARY.items()}
    accents = {name: amounts(recipe.accent, names) for name, recipe in LIBRARY.items()}
    blink = amounts({"eyeBlink": 1.0}, names)
    used = np.flatnonzero(sum(apexes.values()) + sum(accents.values()) + blink)
    directions = tuple(names[i] for i in used)
    emotions: dict[str, Emotion] = {}
    for name, recipe in LIBRARY.items():
        emotions[name] = Emotion(
            onset=recipe.onset,
            offset=recipe.offset,
            blink_interval=recipe.blinks,
            apex=apexes[name][used],
            modes=_living_modes(directions, np.random.default_rng([seed, len(emotions)])),
            accent=accents[name][used],
        )
    return ExpressionLibrary(directions, deltas[used], emotions)


def save_facs_copy(facs: Facs, folder: Path) -> None:
    """Keep the geometry beside the curves, which mean nothing without it."""
    checkpoint.save(folder / "facs.npz", GEOMETRY_KIND, {}, vars(facs))


def write_ply(path: str | Path, vertices: np.ndarray, faces: np.ndarray) -> None:
    """Binary little-endian PLY with double coordinates, as Florence4D's files are."""
    header = (
        "ply\nformat binary_little_endian 1.0\n"
        f"element vertex {len(vertices)}\nproperty double x\nproperty double y\nproperty double z\n"
        f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    records = np.empty(len(faces), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    records["count"], records["corners"] = 3, faces
    with whole_file(path) as stream:
        stream.write(header.encode("ascii"))
        stream.write(np.asarray(vertices, "<f8").tobytes())
        stream.write(records.tobytes())


def _living_modes(directions: Sequence[str], generator: np.random.Generator) -> np.ndarray:
    """(M, K_x) relative changes: the whole face, brows and lids, the mouth, and the balance of left and right."""
    upper = np.array([name.startswith(("brow", "eye")) for name in directions], float)
    side = np.array([1.0 if name.endswith("_L") else -1.0 if name.endswith("_R") else 0.0 for name in directions])
    modes = np.stack([0.09 * np.ones(len(directions)), 0.13 * upper, 0.13 * (1 - upper), 0.07 * side])
    assert len(modes) == _LIBRARY_MODES
    return modes * generator.uniform(0.85, 1.15, modes.shape)


def _habit(names: Sequence[str], generator: np.random.Generator) -> np.ndarray:
    """(S,) how strongly a person uses each shape: both sides of a muscle alike, but for a lopsidedness of its own."""
    muscles = sorted({name.removesuffix("_L").removesuffix("_R") for name in names})
    gain = dict(zip(muscles, np.exp(0.18 * generator.standard_normal(len(muscles))), strict=True))
    lean = dict(zip(muscles, 0.1 * generator.standard_normal(len(muscles)), strict=True))
    habit = []
    for name in names:
        muscle = name.removesuffix("_L").removesuffix("_R")
        side = 1.0 if name.endswith("_L") else -1.0 if name.endswith("_R") else 0.0
        habit.append(gain[muscle] * (1.0 + np.clip(side * lean[muscle], -0.3, 0.3)))
    return np.array(habit)


def _perform(
    recipe: Expression, names: Sequence[str], habit: np.ndarray, tempo: float, generator: np.random.Generator
) -> np.ndarray:
    """One take (60, S): every muscle rises and falls by minimum jerk with a small lag of its own."""
    clock = np.arange(FRAME_COUNT) / FPS
    duration = clock[-1]
    strength = generator.uniform(0.6, 1.1)
    apex_amounts = amounts(recipe.shapes, names) + generator.uniform(0, 1) * amounts(recipe.accent, names)
    if generator.random() < _STRAY_CHANCE:  # other muscles join in a little
        stray = generator.choice(len(names), 3, replace=False)
        apex_amounts[stray] += generator.uniform(0.03, 0.25, 3)
    target = np.clip(strength * habit * apex_amounts, 0.0, 1.3)

    apex = 0.5 * duration + generator.uniform(-0.06, 0.06)
    rise = min(recipe.onset * tempo, apex - 0.06)
    fall = min(recipe.offset * tempo, duration - apex - 0.06)
    lag = generator.uniform(-0.05, 0.05, len(names))
    for index, name in enumerate(names):  # the two sides of a muscle start nearly together
        if name.endswith("_R") and names[index - 1] == f"{name[:-2]}_L":
            lag[index] = lag[index - 1] + generator.uniform(-0.012, 0.012)
    start = np.maximum(apex - rise + lag, 0.01)
    end = np.minimum(apex + fall + lag, duration - 0.01)
    up = smooth_step((clock[:, None] - start) / rise)
    down = smooth_step((end - clock[:, None]) / fall)
    # at frame 0 and at the last frame the face rests exactly
    curves = target * up * down
    if generator.random() < _BLINK_CHANCE:
        _add_blink(curves, names, blink_shape(clock, generator.uniform(0.05, duration - 0.35)))
    return curves


def _add_blink(curves: np.ndarray, names: Sequence[str], closure: np.ndarray) -> None:
    for index, name in enumerate(names):
        if name.startswith("eyeBlink"):
            curves[:, index] += closure * (1.0 - curves[:, index])
        elif name.startswith(("eyeWide", "eyeSquint")):
            curves[:, index] *= 1.0 - closure
