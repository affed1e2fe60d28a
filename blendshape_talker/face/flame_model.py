"""FLAME's own parameters for an animation: expression coefficients and jaw pose per frame, fitted to a model file.

The FLAME model (Li et al. 2017) is linear in its expression coefficients and turns the jaw about a joint:

    v_p = template + E psi + P (R(theta) - I)          expression and pose-corrective blendshapes
    v   = v_p + w_jaw (R(theta) - I) (v_p - J_jaw)     linear blend skinning with the jaw alone turned

so a frame is fitted by least squares on (psi, theta): one Jacobian at rest, factored once, and a few corrections with
the exact model's residual, because the jaw's rotation is not linear. All frames are solved at once.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import TalkerError
from ..files import whole_file
from . import safe_pickle
from .flame import VERTEX_COUNT

logger = logging.getLogger(__name__)

_SHAPE_COUNT = 300  # FLAME 2017-2023: 300 identity directions, then 100 of expression
_JAW = 2  # joints: root, neck, jaw, left eye, right eye
_RIDGE = 1e-4  # of each coefficient's own effect: keeps near-equal directions from fighting each other
_CORRECTIONS = 4
_LARGEST = 1e6  # metres; also refuses what is no number


@dataclass(frozen=True)
class FlameModel:
    """The parts of a FLAME model that an animated face needs (V = 5023, or fewer after :meth:`at`).

    template (V, 3) m; expression_directions (V, 3, E) m; jaw_directions (V, 3, 9): pose correctives of R(jaw) - I, row
    by row; jaw_weights (V,): share of the jaw's turn in skinning; joint (3,) m: where the jaw's joint rests;
    joint_directions (3, E): how the expression moves it.
    """

    template: np.ndarray
    expression_directions: np.ndarray
    jaw_directions: np.ndarray
    jaw_weights: np.ndarray
    joint: np.ndarray
    joint_directions: np.ndarray

    def at(self, vertices: np.ndarray) -> "FlameModel":
        """The same model of some of its vertices, in single precision: enough for a fit to hundredths of a mm."""
        parts = (self.template, self.expression_directions, self.jaw_directions, self.jaw_weights)
        kept = [np.ascontiguousarray(part[vertices], np.float32) for part in parts]
        return FlameModel(*kept, *(part.astype(np.float32) for part in (self.joint, self.joint_directions)))

    def vertices(self, expression: np.ndarray, jaw_pose: np.ndarray) -> np.ndarray:
        """Exact model: expression (T, E), jaw_pose (T, 3) axis-angle in radians -> (T, V, 3) metres."""
        turn = (rotation_matrices(jaw_pose) - np.eye(3)).astype(self.template.dtype)
        directions = self.expression_directions.reshape(-1, expression.shape[1])
        posed = self.template + (expression @ directions.T).reshape(len(expression), -1, 3)
        joint = self.joint + expression @ self.joint_directions.T
        correctives = turn.reshape(len(turn), 9) @ self.jaw_directions.reshape(-1, 9).T
        posed = posed + correctives.reshape(posed.shape)
        swung = (posed - joint[:, None]) @ turn.transpose(0, 2, 1)
        reached: np.ndarray = posed + self.jaw_weights[:, None] * swung
        return reached

    def jacobian_at_rest(self) -> np.ndarray:
        """d vertices / d (expression, jaw_pose) at zero: (3 V, E + 3)."""
        jaw = []
        for axis in np.eye(3):
            generator = np.cross(axis, np.eye(3)).T  # dR / d theta along the axis: x -> axis cross x
            swing = self.jaw_weights[:, None] * ((self.template - self.joint) @ generator.T)
            jaw.append((swing + self.jaw_directions @ generator.ravel()).ravel())
        expression = self.expression_directions.reshape(3 * len(self.template), -1)
        return np.concatenate([expression, np.stack(jaw, axis=1)], axis=1)


@dataclass(frozen=True)
class FlameParameters:
    """expression (T, E); jaw_pose (T, 3) axis-angle, radians; error_mm (T,): RMS distance over the fitted vertices."""

    expression: np.ndarray
    jaw_pose: np.ndarray
    error_mm: np.ndarray


def rotation_matrices(axis_angle: np.ndarray) -> np.ndarray:
    """Rodrigues' formula: (T, 3) axis-angle in radians -> (T, 3, 3)."""
    angle = np.linalg.norm(axis_angle, axis=1)[:, None, None]
    axis = axis_angle / np.maximum(angle[:, 0], 1e-12)
    cross = np.zeros((len(axis), 3, 3))
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    cross -= cross.transpose(0, 2, 1)
    turned: np.ndarray = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return turned


def load_flame_model(path: str | os.PathLike[str]) -> FlameModel:
    """Read a FLAME model file (.pkl of 2017-2023, or .npz) without running its code; :class:`TalkerError` if none."""
    content = safe_pickle.load_flame(path)
    try:
        template = np.asarray(content["v_template"], float)
        directions = np.asarray(content["shapedirs"], float)
        pose = np.asarray(content["posedirs"], float)
        regressor = np.asarray(content["J_regressor"], float)
        weights = np.asarray(content["weights"], float)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        what = " ".join(str(error).split())[:120]
        raise TalkerError(
            f"{path}: not a FLAME model ({what} is missing or no array); name FLAME's generic_model file"
        ) from error
    pose = pose.reshape(VERTEX_COUNT, 3, -1) if pose.size % (3 * VERTEX_COUNT) == 0 else pose
    fits = (
        template.shape == (VERTEX_COUNT, 3)
        and directions.ndim == 3
        and directions.shape[:2] == (VERTEX_COUNT, 3)
        and directions.shape[2] > _SHAPE_COUNT
        and pose.shape == (VERTEX_COUNT, 3, 36)
        and regressor.shape == (5, VERTEX_COUNT)
        and weights.shape == (VERTEX_COUNT, 5)
    )
    if not fits:
        raise TalkerError(
            f"{path}: not FLAME's head model (v_template {template.shape}, shapedirs {directions.shape}, "
            f"posedirs {pose.shape}); name FLAME's generic_model file"
        )
    if not all(np.abs(part).max() < _LARGEST for part in (template, directions, pose, regressor, weights)):
        raise TalkerError(f"{path}: a damaged FLAME model (numbers that are none, or absurd); name another copy of it")
    expression = np.ascontiguousarray(directions[:, :, _SHAPE_COUNT:])
    return FlameModel(
        template=template,
        expression_directions=expression,
        jaw_directions=np.ascontiguousarray(pose[:, :, 9 * (_JAW - 1) : 9 * _JAW]),
        jaw_weights=weights[:, _JAW],
        joint=regressor[_JAW] @ template,
        joint_directions=np.tensordot(regressor[_JAW], expression, 1),
    )


class FlameFitter:
    """Least squares from vertex displacements to FLAME parameters; factored once, reused for every frame.

    mask (V,): weight of each vertex in the fit, e.g. 1 on the face and 0 on the scalp, which no blendshape moves.
    """

    def __init__(self, model: FlameModel, mask: np.ndarray) -> None:
        self._vertices = np.flatnonzero(np.asarray(mask) > 0)
        self._model = model.at(self._vertices)
        self._weights = np.repeat(np.asarray(mask, float)[self._vertices], 3)
        jacobian = self._model.jacobian_at_rest().astype(float)
        weighted = jacobian * self._weights[:, None]
        normal = jacobian.T @ weighted
        normal += _RIDGE * np.diag(np.maximum(np.diag(normal), 1e-12 * np.trace(normal)))
        self._solve = np.linalg.solve(normal, weighted.T).T.astype(np.float32)

    def fit_blendshapes(self, blendshapes: np.ndarray) -> np.ndarray:
        """First-order mapping of each blendshape (K, V, 3): (K, E + 3) expression and jaw pose per unit of weight."""
        return self._seen(blendshapes) @ self._solve

    def fit(self, weights: np.ndarray, blendshapes: np.ndarray, block: int = 256) -> FlameParameters:
        """weights (T, K) and blendshapes (K, V, 3) -> parameters; the start is the shapes' own mapping."""
        mapping, shapes = self.fit_blendshapes(blendshapes), self._seen(blendshapes)
        parameters, errors = [np.zeros((0, mapping.shape[1]), np.float32)], [np.zeros(0)]
        for start in range(0, len(weights), block):
            part = weights[start : start + block].astype(np.float32)
            fitted, error = self._fit_block(part @ mapping, part @ shapes)
            parameters.append(fitted)
            errors.append(error)
        joined = np.concatenate(parameters)
        return FlameParameters(joined[:, :-3], joined[:, -3:], np.concatenate(errors))

    def _seen(self, blendshapes: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(blendshapes[:, self._vertices], np.float32).reshape(len(blendshapes), -1)

    def _fit_block(self, solution: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        for _ in range(_CORRECTIONS):
            solution = solution + self._residual(solution, target) @ self._solve
        squared = (self._residual(solution, target) ** 2 * self._weights).sum(1) / self._weights.sum() * 3
        return solution, 1000 * np.sqrt(squared)

    def _residual(self, solution: np.ndarray, target: np.ndarray) -> np.ndarray:
        reached = self._model.vertices(solution[:, :-3], solution[:, -3:]) - self._model.template
        rest: np.ndarray = target - reached.reshape(len(target), -1)
        return rest


def save_parameters(
    path: str | os.PathLike[str],
    parameters: FlameParameters,
    fps: float,
    turned: tuple[np.ndarray, np.ndarray] | None = None,
) -> Path:
    """Write the ``.npz`` that Gaussian-avatar code reads (``allow_pickle=False``); complete or not at all.

    turned: head (T, 3) and eyes (T, 2), radians as an animation has them; they become axis-angle ``neck_pose`` (T, 3)
    and ``eyes_pose`` (T, 6), left and right alike. At such angles both ways to write a turn agree to 0.5 degrees.
    """
    frames = len(parameters.jaw_pose)
    neck, eyes = np.zeros((frames, 3), np.float32), np.zeros((frames, 6), np.float32)
    if turned is not None:
        neck[:] = turned[0]
        eyes[:, 0:2] = eyes[:, 3:5] = turned[1]
    arrays: dict[str, Any] = {
        "expr": parameters.expression,
        "expression": parameters.expression,
        "jaw_pose": parameters.jaw_pose,
        "rotation": np.zeros((frames, 3), np.float32),
        "neck_pose": neck,
        "eyes_pose": eyes,
        "translation": np.zeros((frames, 3), np.float32),
        "shape": np.zeros(_SHAPE_COUNT, np.float32),
        "fps": np.float64(fps),
        "times": np.arange(frames) / fps,
        "fit_error_mm": parameters.error_mm.astype(np.float32),
    }
    with whole_file(path) as stream:
        np.savez(stream, **arrays)
    return Path(path)
