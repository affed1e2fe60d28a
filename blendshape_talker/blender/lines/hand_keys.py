"""Keys that hands set: told from a bake's own by what the bake has noted on its Actions."""

import base64
import zlib

import bpy
import numpy as np

from . import actions
from .marks import STRENGTH, Line

BAKED = "blendshape_talker_baked"  # on an Action: packed values of each frame as they were baked, at a strength of 1
_PACKED = 1  # version of the packing
_SAME = 1e-4  # of 1 + a value's size: strengths multiply keys in float32


class Note:
    """What an Action's keys are as they are baked, noted curve by curve; see :func:`remember`."""

    def __init__(self) -> None:
        self._stream = zlib.compressobj(6)
        self._parts = [self._stream.compress(bytes([_PACKED]))]

    def add(self, path: str, points: np.ndarray) -> None:
        """The keys of one curve (N, 2), frames and values at a strength of 1."""
        name, values = path.encode(), points.astype("<f4")
        head = np.array([len(name), len(values)], "<u4").tobytes()
        self._parts.append(self._stream.compress(head + name + values.T.tobytes()))

    def leave_on(self, action: bpy.types.Action) -> None:
        """Once all curves are there.

        As text: bytes that take the place of others Blender cuts off at the first zero.
        """
        action[BAKED] = base64.b64encode(b"".join([*self._parts, self._stream.flush()])).decode()


def remember(line: Line) -> None:
    """Note on the Actions of ``line`` what their keys are, so that changes can be told key by key.

    Those that have a note keep it: they are as they were baked, or hands have changed them since.
    """
    for layer in ("speech", "expression"):
        for action in line.actions(layer):
            if action.library is None and BAKED not in action:
                _leave(action, actions.read_curves(action))


def note(action: bpy.types.Action, changed: dict[str, np.ndarray]) -> None:
    """Note other values of some curves, by data path (N, 2) frames and values as they play now, as baked."""
    known = _unpack(action)
    if not known:
        return
    factor = _factor(action)
    merged = {path: points * [1.0, factor] for path, points in known.items()}
    for path, points in changed.items():
        old = merged.get(path, np.zeros((0, 2)))
        outside = (old[:, 0] < points[0, 0] - 1e-4) | (old[:, 0] > points[-1, 0] + 1e-4)
        both = np.concatenate([old[outside], points])
        merged[path] = both[np.argsort(both[:, 0], kind="stable")]
    _leave(action, merged)


def hand_frames(action: bpy.types.Action) -> dict[str, np.ndarray]:
    """Data path -> frames of keys in ``action`` that are not as baked; empty where it is not known what was."""
    baked = _unpack(action)
    factor = action.get(STRENGTH, 1.0)
    if not baked or not isinstance(factor, int | float) or factor < 1e-3:
        return {}
    result = {}
    for path, points in actions.read_curves(action).items():
        known = baked.get(path)
        if known is None:
            result[path] = points[:, 0]
            continue
        expected = np.interp(points[:, 0], known[:, 0], known[:, 1])
        off = np.abs(points[:, 1] / factor - expected) > _SAME * (1.0 + np.abs(expected))
        if off.any():
            result[path] = points[off, 0]
    return result


def baked_values(action: bpy.types.Action, path: str, frames: np.ndarray) -> np.ndarray | None:
    """(F,) what was baked at ``frames`` into a curve, at the strength that plays now; None where it is not known."""
    known = _unpack(action).get(path)
    if known is None:
        return None
    return np.interp(frames, known[:, 0], known[:, 1]) * float(action.get(STRENGTH, 1.0))


def same_count(action: bpy.types.Action) -> bool:
    """True when each curve of ``action`` has as many keys as were baked."""
    counts = {path: len(points) for path, points in _unpack(action).items()}
    return counts == {path: len(points) for path, points in actions.read_curves(action).items()}


def _factor(action: bpy.types.Action) -> float:
    return max(float(action.get(STRENGTH, 1.0)), 1e-6)


def _leave(action: bpy.types.Action, curves: dict[str, np.ndarray]) -> None:
    """Note each curve by its path: (N, 2) frames and values at the strength that plays now."""
    made = Note()
    for path, points in curves.items():
        made.add(path, points * [1.0, 1.0 / _factor(action)])
    made.leave_on(action)


def _unpack(action: bpy.types.Action) -> dict[str, np.ndarray]:
    """What a :class:`Note` left; nothing for what is no such note, whoever wrote it."""
    packed = action.get(BAKED)
    if not isinstance(packed, str):
        return {}
    try:
        stream = zlib.decompressobj()
        content = stream.decompress(base64.b64decode(packed, validate=True), 1 << 28)
        if not content or content[0] != _PACKED:
            return {}
        result, at = {}, 1
        while at < len(content):
            name_size, count = np.frombuffer(content, "<u4", 2, at).tolist()
            name = content[at + 8 : at + 8 + name_size].decode()
            values = np.frombuffer(content, "<f4", 2 * count, at + 8 + name_size)
            result[name] = values.reshape(2, count).T
            at += 8 + name_size + 8 * count
    except (zlib.error, ValueError, UnicodeDecodeError):
        return {}
    return result
