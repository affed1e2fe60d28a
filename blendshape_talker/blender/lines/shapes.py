"""Shape keys: one per blendshape beside those of the mesh; what hands sculpted on ours stays."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import bpy
import numpy as np

from .names import short_names
from .versions import points_of

SLIDER_LIMIT = 10.0  # Blender's own bound on shape key values: no key can lie outside, so none is clamped


def rest_vertices(target: bpy.types.Object) -> np.ndarray:
    """(V, 3) float32: the mesh at rest in its own coordinates (its Basis where it has shape keys)."""
    keys = target.data.shape_keys
    return _coordinates(points_of(keys.reference_key) if keys else target.data.vertices)


def shape_deltas(keys: bpy.types.Key, names: Sequence[str]) -> np.ndarray:
    """(names, V, 3) float32: what each shape key adds to the Basis; zeros for one that is gone."""
    basis = coordinates_of(keys.reference_key)
    blocks = [keys.key_blocks.get(name) for name in names]
    deltas = [np.zeros_like(basis) if block is None else coordinates_of(block) - basis for block in blocks]
    return np.stack(deltas) if deltas else np.zeros((0, *basis.shape), np.float32)


def hold(keys: bpy.types.Key, names: Sequence[str], deltas: np.ndarray) -> bool:
    """True when the shape keys ``names`` (K,) add these deltas (K, V, 3) already."""
    present = shape_deltas(keys, names)
    return all(_alike(old, new) for old, new in zip(_signatures(present), _signatures(deltas), strict=True))


def coordinates_of(block: bpy.types.ShapeKey) -> np.ndarray:
    """(V, 3) float32: the vertices of a shape key."""
    return _coordinates(points_of(block))


def move(block: bpy.types.ShapeKey, coordinates: np.ndarray) -> None:
    """Put the vertices of a shape key to (V, 3)."""
    points_of(block).foreach_set("co", np.asarray(coordinates, np.float32).ravel())


def value_path(name: str) -> str:
    """The data path, from the shape keys, of a shape key's value."""
    return f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'


def write_shapes(
    target: bpy.types.Object,
    names: Sequence[str],
    deltas: np.ndarray,
    own: Mapping[str, str],
    written: Mapping[str, Any],
) -> tuple[dict[str, str], dict[str, list[float]]]:
    """Write blendshapes ``names`` (K,) with deltas (K, V, 3) into shape keys, making those that are missing.

    own: blendshape name -> shape key, as of the last bake; written: its signatures. A shape that hands changed since
    stays when this bake would write the same as the last, else a copy of it stays. Returns both anew.
    """
    if target.data.shape_keys is None:
        target.shape_key_add(name="Basis", from_mix=False)
    keys = target.data.shape_keys
    active, basis = target.active_shape_key_index, coordinates_of(keys.reference_key)
    result, signatures = {}, {}
    renamed = _renamed(keys, {name: written[name] for name in names if name in written and name not in own}, own)
    for name, short, delta, signature in zip(names, short_names(names), deltas, _signatures(deltas), strict=True):
        block, placed = keys.key_blocks.get(own[name]) if name in own else renamed.get(name), basis + delta
        if block is None:
            block = target.shape_key_add(name=short, from_mix=False)
            block.slider_min, block.slider_max = -SLIDER_LIMIT, SLIDER_LIMIT
            block.value = 0.0
            fresh = True
        else:
            present = coordinates_of(block)
            sculpted = (
                name in written
                and not np.array_equal(present, placed)
                and not any(_alike(_signature(present - basis), known) for known in (written[name], signature))
            )
            fresh = not (sculpted and _alike(signature, written[name]))
            if sculpted and fresh:
                copy = target.shape_key_add(name=f"{block.name} sculpted", from_mix=False)
                move(copy, coordinates_of(block))
                copy.value = 0.0
        if fresh:
            move(block, placed)
            block.relative_key = keys.reference_key
        result[name], signatures[name] = block.name, signature
    target.active_shape_key_index = min(active, len(keys.key_blocks) - 1)
    target.data.update()
    return result, signatures


def _renamed(keys: bpy.types.Key, lost: Mapping[str, Any], own: Mapping[str, str]) -> dict[str, bpy.types.ShapeKey]:
    """Blendshapes of ours that are no longer found by name, with the shape keys that still hold them."""
    if not lost:
        return {}
    basis, ours = coordinates_of(keys.reference_key), set(own.values())
    others = [block for block in keys.key_blocks if block != keys.reference_key and block.name not in ours]
    present = [(block, _signature(coordinates_of(block) - basis)) for block in others]
    found = {name: [block for block, held in present if _alike(held, signature)] for name, signature in lost.items()}
    return {name: blocks[0] for name, blocks in found.items() if len(blocks) == 1}


def remove_shapes(target: bpy.types.Object, names: set[str]) -> None:
    """Remove the shape keys of these names."""
    keys = target.data.shape_keys
    for name in names:
        if name in keys.key_blocks:
            target.shape_key_remove(keys.key_blocks[name])


def _signature(delta: np.ndarray) -> list[float]:
    """Numbers that tell a shape from another: its size and its shares along fixed directions, in the mesh's unit."""
    return _signatures(delta[None])[0]


def _signatures(deltas: np.ndarray) -> list[list[float]]:
    """:func:`_signature` of each of (K, V, 3)."""
    flat = deltas.reshape(len(deltas), 3 * deltas.shape[1]).astype(np.float64)
    sizes = np.sqrt(np.einsum("kn,kn->k", flat, flat))
    found: list[list[float]] = np.column_stack([sizes, flat @ _directions(flat.shape[1]).T]).tolist()
    return found


@functools.lru_cache(maxsize=2)
def _directions(length: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((3, length))


def _alike(first: Sequence[float], second: Any) -> bool:
    # shape keys hold float32 sums with the Basis: a difference in their last digits is no edit
    try:
        size = max(abs(float(first[0])), abs(float(second[0])), 1e-9)
        return all(abs(float(a) - float(b)) < 1e-4 * size for a, b in zip(first, second, strict=True))
    except (TypeError, ValueError, IndexError):
        return False


def _coordinates(points) -> np.ndarray:
    coordinates = np.empty((len(points), 3), np.float32)
    points.foreach_get("co", coordinates.ravel())
    return coordinates
