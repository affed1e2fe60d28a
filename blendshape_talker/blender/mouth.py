"""The mouth of a head in the scene: an object of its own, child of the head, that follows its shape keys by drivers.

Each shape key of the head that moves the jaw or the lips' inner edge has a partner of the same name here, whose value a
driver copies. The driver asks the head *object*: copies made together with Shift-D follow their own head, and whatever
animates the head (strips, keys, hands, other drivers) moves the mouth too, in every scene and every export.
"""

import bpy
import numpy as np

from ..errors import TalkerError
from ..face import meshes
from ..face.mouth import PARTS, Mouth, load_mouth
from . import appearance
from .lines import shapes

MARK = "blendshape_talker_mouth"  # custom property on the object
NAME = "Mouth"
_LEAST = 2e-5  # m; shape keys that move nothing of the mouth farther than this have no partner


def mouths_of(head: bpy.types.Object | None) -> list[bpy.types.Object]:
    """The mouths of ``head``: its children with our mark."""
    if head is None:
        return []
    return [item for item in head.children if item.type == "MESH" and item.get(MARK)]


def mouth_problem(head: bpy.types.Object | None) -> str | None:
    """Why ``head`` cannot take a mouth, in one line; None when it can. Cheap: panels ask it."""
    if head is None:
        return "no head chosen; import one, add the demo head or pick a mesh"
    if head.type != "MESH":
        return f"{head.name} is no mesh; pick the head's mesh"
    if mouths_of(head):
        return f"{head.name} has a mouth already"
    return None


def add_mouth(head: bpy.types.Object) -> bpy.types.Object:
    """Give ``head``, any FLAME mesh of any identity, teeth, gums and tongue; into the collections that it is in.

    Raises :class:`TalkerError` with one line when the mesh is no FLAME head.
    """
    problem = mouth_problem(head)
    if problem:
        raise TalkerError(problem)
    frame = _Frame(head)
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
        frame = _Frame(head)
    except TalkerError:
        return  # someone's mesh under our mouth; what follows it still does
    mouth = load_mouth()
    for item in found:
        if len(item.data.vertices) == len(mouth.vertices):
            _follow(item, head, frame, mouth)


class _Frame:
    """How a head's own coordinates lie to the canonical ones, and its rest there (5023, 3), in metres."""

    def __init__(self, head: bpy.types.Object) -> None:
        rest = shapes.rest_vertices(head)
        self.fit = meshes.fit_to_canonical(rest)
        order = self.fit.order
        # of vertices that another program split at seams the first will do
        self._pick = slice(None) if order is None else np.unique(order, return_index=True)[1]
        self.rest = (self.fit.scale * rest @ self.fit.rotation.T + self.fit.translation)[self._pick]
        self.upright = np.linalg.det(self.fit.rotation) > 0

    def to_mesh(self, positions: np.ndarray) -> np.ndarray:
        """Canonical positions (…, 3) in the head's own coordinates."""
        return ((positions - self.fit.translation) @ self.fit.rotation / self.fit.scale).astype(np.float32)

    def canonical_deltas(self, deltas: np.ndarray) -> np.ndarray:
        """Displacements (K, N, 3) of the mesh as (K, 5023, 3) of the canonical head, in metres."""
        return (self.fit.scale * deltas @ self.fit.rotation.T)[:, self._pick]

    def mesh_deltas(self, deltas: np.ndarray) -> np.ndarray:
        """Canonical displacements (…, 3) in the head's own unit and axes."""
        return (deltas @ self.fit.rotation / self.fit.scale).astype(np.float32)


def _follow(item: bpy.types.Object, head: bpy.types.Object, frame: _Frame, mouth: Mouth) -> None:
    """Shape keys and drivers of a mouth for the head's shape keys; those of keys that are gone go."""
    keys = head.data.shape_keys
    names = [block.name for block in keys.key_blocks if block != keys.reference_key] if keys else []
    moves: dict[str, np.ndarray] = {}
    for name in names:
        delta = mouth.key_deltas(frame.canonical_deltas(shapes.shape_deltas(keys, [name])))[0]
        if np.abs(delta).max() > _LEAST:
            moves[name] = frame.mesh_deltas(delta)
    rest = frame.to_mesh(mouth.fitted(frame.rest))
    if item.data.shape_keys is None:
        item.shape_key_add(name="Basis", from_mix=False)
    own = item.data.shape_keys
    for block in list(own.key_blocks)[1:]:
        if block.name not in moves:
            own.driver_remove(shapes.value_path(block.name))
            item.shape_key_remove(block)
    own.reference_key.data.foreach_set("co", rest.ravel())
    for name, delta in moves.items():
        block = own.key_blocks.get(name) or item.shape_key_add(name=name, from_mix=False)
        block.slider_min, block.slider_max = -shapes.SLIDER_LIMIT, shapes.SLIDER_LIMIT
        block.data.foreach_set("co", (rest + delta).ravel())
        _drive(own, name, head)
    item.data.update()


def _drive(own: bpy.types.Key, name: str, head: bpy.types.Object) -> None:
    """The value of ``name`` is the head's, by a sum of one number: no expression, so nothing has to be trusted."""
    path = shapes.value_path(name)
    drivers = own.animation_data.drivers if own.animation_data else []
    curve = next((curve for curve in drivers if curve.data_path == path), None) or own.driver_add(path)
    driver = curve.driver
    driver.type = "SUM"
    while len(driver.variables) > 1:
        driver.variables.remove(driver.variables[-1])
    variable = driver.variables[0] if len(driver.variables) else driver.variables.new()
    variable.type = "SINGLE_PROP"
    variable.targets[0].id_type = "OBJECT"
    variable.targets[0].id = head
    variable.targets[0].data_path = f"data.shape_keys.{path}"
