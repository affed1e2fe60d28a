"""The mouth of a head in the scene: an object of its own, child of the head, that follows its shape keys by drivers.

Each shape key of the head that moves the jaw or the lips' inner edge has a partner of the same name here, whose value a
driver copies. The driver asks the head *object*: copies made together with Shift-D follow their own head, and whatever
animates the head (strips, keys, hands, other drivers) moves the mouth too, in every scene and every export.
"""

import bpy
import numpy as np

from ..errors import TalkerError
from ..face.mouth import PARTS, Mouth, load_mouth
from . import appearance
from .canonical import CanonicalFrame
from .languages.translations import translated
from .lines import shapes

MARK = "blendshape_talker_mouth"  # custom property on the object
NAME = "Mouth"
_LEAST = 2e-5  # m; shape keys that move nothing of the mouth farther than this have no partner


def mouths_of(head: bpy.types.Object | None) -> list[bpy.types.Object]:
    """The mouths of ``head``: what has our mark among its children, or among those of its armature and follows it."""
    if head is None:
        return []
    beside = [item for item in head.parent.children if _follows(item, head)] if head.parent else []
    return [item for item in (*head.children, *beside) if item.type == "MESH" and item.get(MARK)]


def _follows(item: bpy.types.Object, head: bpy.types.Object) -> bool:
    """True when a mouth is ``head``'s by its drivers, or has none and could be."""
    if item.type != "MESH" or not item.get(MARK):
        return False
    keys = item.data.shape_keys
    drivers = keys.animation_data.drivers if keys is not None and keys.animation_data else ()
    owners = {variable.targets[0].id for curve in drivers for variable in curve.driver.variables}
    return not owners or head in owners


def mouth_problem(head: bpy.types.Object | None) -> str | None:
    """Why ``head`` cannot take a mouth, in one line; None when it can. Cheap: panels ask it."""
    if head is None:
        return "no head chosen; import one, add the demo head or pick a mesh"
    if head.type != "MESH":
        return translated("{} is no mesh; pick the head's mesh").format(head.name)
    if mouths_of(head):
        return translated("{} has a mouth already").format(head.name)
    return None


def add_mouth(head: bpy.types.Object) -> bpy.types.Object:
    """Give ``head``, any FLAME mesh of any identity, teeth, gums and tongue; into the collections that it is in.

    Raises :class:`TalkerError` with one line when the mesh is no FLAME head.
    """
    problem = mouth_problem(head)
    if problem:
        raise TalkerError(problem)
    frame = CanonicalFrame(head)
    mouth = load_mouth()
    mesh = bpy.data.meshes.new(NAME)
    rest = frame.to_mesh(mouth.fitted(frame.rest))
    mesh.from_pydata(rest.tolist(), [], (mouth.faces if frame.upright else mouth.faces[:, ::-1]).tolist())
    for part in PARTS:
        mesh.materials.append(appearance.mouth_material(part))
    mesh.polygons.foreach_set("material_index", mouth.parts.astype(np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
    made = bpy.data.objects.new(NAME, mesh)
    made[MARK] = True
    made.parent = head  # its own transform stays the identity: it shares the head's coordinates
    for collection in head.users_collection:
        collection.objects.link(made)
    _follow(made, head, frame, mouth)
    return made


def follow(head: bpy.types.Object) -> None:
    """After the shape keys of ``head`` have changed: let its mouths, if it has any, follow those that it has now."""
    found = [item for item in mouths_of(head) if item.library is None and item.data.library is None]
    if not found:
        return
    try:
        frame = CanonicalFrame(head)
    except TalkerError:
        return  # someone's mesh under our mouth; what follows it still does
    mouth = load_mouth()
    for item in found:
        if len(item.data.vertices) == len(mouth.vertices):
            _follow(item, head, frame, mouth)


def _follow(item: bpy.types.Object, head: bpy.types.Object, frame: CanonicalFrame, mouth: Mouth) -> None:
    """Shape keys and drivers of a mouth for the head's shape keys; those of keys that are gone go."""
    keys = head.data.shape_keys
    names = [block.name for block in keys.key_blocks if block != keys.reference_key] if keys else []
    moves: dict[str, np.ndarray] = {}
    if names:
        deltas = mouth.key_deltas(frame.canonical_deltas(shapes.shape_deltas(keys, names)))
        moved = np.abs(deltas).max(axis=(1, 2)) > _LEAST
        moves = {name: frame.mesh_deltas(deltas[index]) for index, name in enumerate(names) if moved[index]}
    rest = frame.to_mesh(mouth.fitted(frame.rest))
    if item.data.shape_keys is None:
        item.shape_key_add(name="Basis", from_mix=False)
    own = item.data.shape_keys
    for block in list(own.key_blocks)[1:]:
        if block.name not in moves:
            own.driver_remove(shapes.value_path(block.name))
            item.shape_key_remove(block)
    shapes.move(own.reference_key, rest)
    drivers = {curve.data_path: curve for curve in own.animation_data.drivers} if own.animation_data else {}
    for name, delta in moves.items():
        block = own.key_blocks.get(name) or item.shape_key_add(name=name, from_mix=False)
        block.slider_min, block.slider_max = -shapes.SLIDER_LIMIT, shapes.SLIDER_LIMIT
        shapes.move(block, rest + delta)
        path = shapes.value_path(name)
        _drive(drivers.get(path) or own.driver_add(path), path, head)
    item.data.update()


def _drive(curve: bpy.types.FCurve, path: str, head: bpy.types.Object) -> None:
    """``curve`` gives the head's value at ``path``, by a sum of one number: no expression, so nothing has to be
    trusted."""
    driver = curve.driver
    driver.type = "SUM"
    while len(driver.variables) > 1:
        driver.variables.remove(driver.variables[-1])
    variable = driver.variables[0] if len(driver.variables) else driver.variables.new()
    variable.type = "SINGLE_PROP"
    variable.targets[0].id_type = "OBJECT"
    variable.targets[0].id = head
    variable.targets[0].data_path = f"data.shape_keys.{path}"
