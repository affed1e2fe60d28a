"""An armature for a head: root, neck, head and two eyes, placed in the mesh, with smooth weights under its shape keys.

The armature takes the head's place in the scene and becomes its parent. Each bone of neck and head stands upright in
the head, so that its rotation about X nods, about Y turns and about Z tilts; eye bones look along the gaze. A mouth
follows the head bone, and so does whatever else hangs on the head.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import bpy
import numpy as np
from mathutils import Vector

from ..errors import TalkerError
from ..face.joints import NAMES, PARENTS, joint_positions, joint_weights
from .canonical import CanonicalFrame
from .languages.translations import translated
from .lines.gaze import JOINTS as MARK
from .lines.gaze import joints_of
from .lines.marks import read_action
from .mouth import mouths_of

_LENGTHS = {"root": 0.03, "neck": 0.06, "head": 0.11, "eye_L": 0.03, "eye_R": 0.03}  # metres
_UP, _FORWARD = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])


def joints_problem(head: bpy.types.Object | None) -> str | None:
    """Why ``head`` cannot take joints, in one line; None when it can. Cheap: panels ask it."""
    if head is None:
        return "no head chosen; import one, add the demo head or pick a mesh"
    if head.type != "MESH":
        return translated("{} is no mesh; pick the head's mesh").format(head.name)
    if joints_of(head) is not None:
        return translated("{} has joints already").format(head.name)
    if any(modifier.type == "ARMATURE" and modifier.object is not None for modifier in head.modifiers):
        return translated("{} has an armature already; the head can be turned as a whole instead").format(head.name)
    if head.library or head.override_library or head.data.library:
        return translated("{} comes from a library file; add the joints there").format(head.name)
    moved = head.animation_data
    strips = [strip for track in moved.nla_tracks for strip in track.strips] if moved else []
    others = [strip for strip in strips if read_action(strip.action) is None]  # than those of a head that turns
    if (moved and (moved.action or others or len(moved.drivers))) or len(head.constraints):
        words = "{} is animated or constrained as an object; parent it to an empty and animate that"
        return translated(words).format(head.name)
    return None


def add_joints(context: bpy.types.Context, head: bpy.types.Object) -> bpy.types.Object:
    """Give ``head``, any FLAME mesh of any identity, an armature; into the collections that it is in.

    Raises :class:`TalkerError` with one line, before the first write, when the mesh is no FLAME head or has joints.
    """
    problem = joints_problem(head)
    if problem:
        raise TalkerError(problem)
    frame = CanonicalFrame(head)
    armature = bpy.data.objects.new(f"{head.name} joints", bpy.data.armatures.new(f"{head.name} joints"))
    armature[MARK] = True
    armature.show_in_front = True
    armature.data.display_type = "STICK"
    armature.data["unit"] = float(frame.fit.scale)  # metres a unit of the bones
    world = head.matrix_world.copy()
    with _editable(context, armature):
        _make_bones(armature.data.edit_bones, frame)
    for bone in armature.pose.bones:
        bone.rotation_mode = "XYZ"
    for collection in head.users_collection:
        collection.objects.link(armature)
    others = [item for item in head.children if item not in mouths_of(head)]
    places = {item: item.matrix_world.copy() for item in others}
    armature.parent, armature.parent_type, armature.parent_bone = head.parent, head.parent_type, head.parent_bone
    armature.matrix_parent_inverse = head.matrix_parent_inverse.copy()
    armature.rotation_mode = head.rotation_mode
    armature.matrix_world = world
    head.parent, head.parent_type = armature, "OBJECT"
    head.matrix_parent_inverse.identity()
    head.matrix_basis.identity()
    for name in ("delta_location", "delta_rotation_euler"):
        setattr(head, name, (0.0, 0.0, 0.0))
    head.delta_scale = (1.0, 1.0, 1.0)
    order = frame.fit.order
    weights = joint_weights() if order is None else joint_weights()[order]
    _bind(head, armature, weights)
    bind_mouths(head)
    context.view_layer.update()
    for item, place in places.items():
        item.parent, item.parent_type, item.parent_bone = armature, "BONE", "head"
        item.matrix_world = place
    return armature


def bind_mouths(head: bpy.types.Object) -> None:
    """Let the mouths of ``head`` follow its head bone, if it has one."""
    armature = joints_of(head)
    for mouth in mouths_of(head) if armature is not None else ():
        if not any(modifier.type == "ARMATURE" for modifier in mouth.modifiers):
            weights = np.zeros((len(mouth.data.vertices), len(NAMES)))
            weights[:, NAMES.index("head")] = 1.0
            _bind(mouth, armature, weights)
            if mouth.parent == head:  # a skin hangs on its armature: glTF asks for it
                place = head.matrix_local @ mouth.matrix_local
                mouth.parent = armature
                mouth.matrix_parent_inverse.identity()
                mouth.matrix_local = place


def _make_bones(bones: bpy.types.ArmatureEditBones, frame: CanonicalFrame) -> None:
    """Bones in the head's own coordinates."""
    unit = 1.0 / frame.fit.scale
    up, forward = (frame.mesh_deltas(axis) / unit for axis in (_UP, _FORWARD))
    for name, parent, place in zip(NAMES, PARENTS, frame.to_mesh(joint_positions(frame.rest)), strict=True):
        bone = bones.new(name)
        along, back = (forward, up) if name.startswith("eye") else (up, forward)
        bone.head = Vector(place.tolist())
        bone.tail = bone.head + Vector((along * _LENGTHS[name] * unit).tolist())
        bone.align_roll(Vector(back.tolist()))
        if parent is not None:
            bone.parent = bones[parent]


def _bind(item: bpy.types.Object, armature: bpy.types.Object, weights: np.ndarray) -> None:
    """Vertex groups of ``weights`` (V, 5) and an armature modifier right after the shape keys."""
    levels = np.round(weights, 4)
    for column, name in enumerate(NAMES):
        group = item.vertex_groups.get(name) or item.vertex_groups.new(name=name)
        for level in np.unique(levels[:, column]):
            if level > 0:
                group.add(np.flatnonzero(levels[:, column] == level).tolist(), float(level), "REPLACE")
    modifier = item.modifiers.new("Joints", "ARMATURE")
    modifier.object = armature
    item.modifiers.move(len(item.modifiers) - 1, 0)


@contextmanager
def _editable(context: bpy.types.Context, armature: bpy.types.Object) -> Iterator[None]:
    """``armature`` in Edit Mode inside; selection and active object as before afterwards."""
    layer, collection = context.view_layer, context.scene.collection
    selected, active = [item for item in layer.objects if item.select_get()], layer.objects.active
    collection.objects.link(armature)
    try:
        layer.objects.active = armature
        bpy.ops.object.mode_set(mode="EDIT")
        try:
            yield
        finally:
            bpy.ops.object.mode_set(mode="OBJECT")
    finally:
        layer.objects.active = active
        collection.objects.unlink(armature)
        for item in selected:
            item.select_set(True)
