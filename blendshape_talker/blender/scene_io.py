"""Heads into the scene: import a FLAME mesh, add the demo head."""

import math
import os
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from ..expression.library import ExpressionLibrary
from ..face import meshes, neutral
from ..face.flame import load_head
from ..files import plain_text
from .animation import rest_vertices
from .appearance import dress
from .mouth import add_mouth

UPRIGHT = Matrix.Rotation(math.pi / 2, 4, "X")  # FLAME: y up, looks along +z; Blender: z up, looks along -y
DEMO_HEAD = "Demo head"


def import_head(
    context: bpy.types.Context, path: str | os.PathLike[str], neutralise: bool = False
) -> tuple[bpy.types.Object, str]:
    """Add the FLAME mesh of ``path`` (OBJ, PLY, NPZ, the model's pickle) to the scene, upright and in metres.

    The mesh keeps the file's own coordinates; scale and turn are the object's transform. Returns the object and a note
    on what was found and handled (another unit, other axes, an expression …), empty if nothing. ``neutralise``: take
    the expression out that the head was made with, see :mod:`face.neutral`. Raises :class:`TalkerError` with one line
    when the file is no FLAME mesh.
    """
    loaded = meshes.read_mesh(path)
    fit = meshes.fit_to_canonical(loaded.vertices)
    expression = neutral.expression_warning(neutral.expression_of(loaded.vertices, fit))
    if expression and neutralise:
        basis = ExpressionLibrary.load().basis
        loaded = meshes.Mesh(neutral.neutralised(loaded.vertices, fit, basis), loaded.faces)
        expression = "the expression it was made with was taken out, as far as it can be told"
    head = load_head()
    faces = loaded.faces
    if not len(faces) and fit.order is None:
        faces = head.faces  # bare vertices: the demo head's triangles make them visible
    elif _volume(loaded.vertices, faces) < 0:
        faces = faces[:, ::-1]  # inside out: it would be lit and textured from within
    target = _add(context, plain_text(Path(path).stem), loaded.vertices, faces)
    dress(target, head, fit.order)
    target.matrix_world = UPRIGHT @ to_canonical(fit)
    return target, "; ".join(filter(None, (fit.note, expression)))


def add_demo_head(context: bpy.types.Context) -> bpy.types.Object:
    """Add the bundled head: FLAME's vertex order, faces of our own, UVs, materials, a mouth; upright, in metres."""
    head = load_head()
    target = _add(context, DEMO_HEAD, head.vertices, head.faces, head.uv)
    dress(target, head)
    target.matrix_world = UPRIGHT
    add_mouth(target)
    return target


def place_on_canonical(target: bpy.types.Object) -> Matrix:
    """The transform that brings the mesh's own coordinates onto the canonical head (FLAME's axes, metres)."""
    return to_canonical(meshes.fit_to_canonical(rest_vertices(target)))


def to_canonical(fit: "meshes.MeshFit") -> Matrix:
    """``fit`` as a 4×4 transform from the mesh's coordinates to the canonical head's."""
    matrix = np.eye(4)
    matrix[:3, :3] = fit.scale * fit.rotation
    matrix[:3, 3] = fit.translation
    return Matrix(matrix.tolist())


def _volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Signed volume of a closed or nearly closed mesh; below 0 when its faces look inward."""
    first, second, third = (vertices[faces[:, corner]] - vertices.mean(axis=0) for corner in range(3))
    return float(np.einsum("ij,ij->", first, np.cross(second, third))) / 6.0


def _add(context, name: str, vertices: np.ndarray, faces: np.ndarray, uv: np.ndarray | None = None) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", np.asarray(vertices, np.float32).ravel())
    corners = np.asarray(faces, np.int32)
    mesh.loops.add(corners.size)
    mesh.loops.foreach_set("vertex_index", corners.ravel())
    mesh.polygons.add(len(corners))
    mesh.polygons.foreach_set("loop_start", np.arange(0, corners.size, corners.shape[1], dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(corners), bool))
    if uv is not None:
        mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", np.asarray(uv, np.float32)[corners.ravel()].ravel())
    mesh.update(calc_edges=True)
    target = bpy.data.objects.new(name, mesh)
    context.collection.objects.link(target)
    for item in context.selected_objects:
        item.select_set(False)
    context.view_layer.update()
    target.select_set(True)
    context.view_layer.objects.active = target
    return target
