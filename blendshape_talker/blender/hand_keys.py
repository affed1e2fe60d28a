"""Keys that hands set: told from a bake's own by what the bake has noted on its Actions."""

import zlib

import bpy
import numpy as np

from .lines import actions
from .lines.marks import STRENGTH, Line

BAKED = "blendshape_talker_baked"  # on an Action: packed values of each frame as they were baked, at a strength of 1
_PACKED = 1  # version of the packing
_SAME = 1e-4  # of 1 + a value's size: strengths multiply keys in float32


def remember(line: Line) -> None:
    """Note on the Actions of ``line`` what their keys are, so that changes can be told key by key."""
    for layer in ("speech", "expression"):
        for action in line.actions(layer):
            if action.library is None:
                action[BAKED] = _pack(action)


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


def _pack(action: bpy.types.Action) -> bytes:
    """Each curve as its path, its number of keys, their frames and values, compressed."""
    factor = max(float(action.get(STRENGTH, 1.0)), 1e-6)
    parts = [bytes([_PACKED])]
    for path, points in actions.read_curves(action).items():
        name = path.encode()
        values = (points * [1.0, 1.0 / factor]).astype("<f4")
        parts += [np.array([len(name), len(values)], "<u4").tobytes(), name, values.T.tobytes()]
    return zlib.compress(b"".join(parts), 6)


def _unpack(action: bpy.types.Action) -> dict[str, np.ndarray]:
    """What :func:`_pack` noted; nothing for what is no such note, whoever wrote it."""
    packed = action.get(BAKED)
    if not isinstance(packed, bytes):
        return {}
    try:
        stream = zlib.decompressobj()
        content = stream.decompress(packed, 1 << 28)
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
