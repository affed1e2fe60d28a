"""Materials of heads in FLAME's order: skin with lips and brows, eyes with an iris. Shader nodes only, no image files.

The skin is painted by position on the canonical head at rest, which a vertex attribute carries: so the colours keep
their place on any identity, scale or rotation, move with the face, and are sharp although FLAME's triangles are 8 mm
wide at the brows.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import bpy
import numpy as np

from ..face.flame import Head

SKIN, EYES, IRIS, PUPIL = "Talker skin", "Talker eyes", "Talker iris", "Talker pupil"
_REST, _EYE_ANGLE = "talker_rest", "talker_eye_angle"
_NO_EYE = 4.0  # radians, more than any angle
_SKIN_COLOR = (0.60, 0.33, 0.235, 1.0)
_LIP_COLOR = (0.43, 0.135, 0.115, 1.0)
_INSIDE_COLOR = (0.012, 0.003, 0.003, 1.0)
_SUBSURFACE = 0.2
_BROW_COLOR = (0.055, 0.03, 0.02, 1.0)
# Colour and roughness of each part of the mouth
_MOUTH = {
    "teeth": ((0.78, 0.72, 0.62, 1.0), 0.25),
    "gums": ((0.45, 0.15, 0.14, 1.0), 0.35),
    "tongue": ((0.52, 0.19, 0.18, 1.0), 0.45),
    "lining": ((0.16, 0.035, 0.03, 1.0), 0.6),
}
# Eye: (angle from its axis in radians, colour); a ball of 12 mm has its iris' edge, 5.9 mm out, at 0.51
_EYE_COLORS = (
    (0.17, (0.004, 0.004, 0.004, 1.0)),
    (0.21, (0.11, 0.20, 0.23, 1.0)),
    (0.44, (0.06, 0.13, 0.17, 1.0)),
    (0.51, (0.02, 0.04, 0.05, 1.0)),
    (0.56, (0.72, 0.69, 0.67, 1.0)),
)
# Faces of an eyeball within this angle are pupil, and iris; FLAME's has rings of vertices at 0.14, 0.27, 0.41, 0.54 ...
_PUPIL_FACES, _IRIS_FACES = 0.2, 0.6
# One colour each, for the Solid view and for engines, which know no shader nodes
_PLAIN = {
    SKIN: (0.78, 0.54, 0.44, 1.0),
    EYES: (0.80, 0.78, 0.76, 1.0),
    IRIS: (0.07, 0.14, 0.18, 1.0),
    PUPIL: (0.004, 0.004, 0.004, 1.0),
}  # in the order of the mesh's material slots
# Outlines on the canonical head: (distance from the middle, height) in units of 60 mm, as curve nodes hold 0 … 1
_UNIT = 0.06
_BROW_LINE = ((0.0, 0.61), (0.17, 0.63), (0.40, 0.662), (0.60, 0.682), (0.78, 0.655), (0.93, 0.56), (1.0, 0.47))
_BROW_HALF_WIDTH = ((0.0, 0.0), (0.15, 0.0), (0.20, 0.055), (0.40, 0.065), (0.65, 0.05), (0.93, 0.012), (1.0, 0.0))
# Lips hang below the middle: height + 60 mm is what the curves hold
_LIP_TOP = ((0.0, 0.405), (0.10, 0.425), (0.27, 0.365), (0.385, 0.245), (0.42, 0.0), (1.0, 0.0))
_LIP_BOTTOM = ((0.0, 0.125), (0.15, 0.135), (0.28, 0.18), (0.385, 0.245), (0.42, 1.0), (1.0, 1.0))


def dress(target: bpy.types.Object, head: Head, order: np.ndarray | None = None) -> None:
    """Give a FLAME mesh its materials: skin, whites of the eyes, irises, pupils.

    ``head`` is the canonical head; ``order`` (N,): the FLAME vertex of each mesh vertex, its own number if None.
    """
    mesh = target.data
    for name in _PLAIN:
        mesh.materials.append(bpy.data.materials.get(name) or _make(name))
    order = np.arange(len(head.vertices)) if order is None else order
    angles = _eye_angles(head)[order]
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    first_corners = np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("loop_start", first_corners)
    outermost = np.maximum.reduceat(angles[corners], first_corners)
    part = np.select([outermost < angle for angle in (_PUPIL_FACES, _IRIS_FACES, _NO_EYE)], (3, 2, 1), 0)
    mesh.polygons.foreach_set("material_index", part.astype(np.int32))
    mesh.attributes.new(_EYE_ANGLE, "FLOAT", "POINT").data.foreach_set("value", angles)
    rest = mesh.attributes.new(_REST, "FLOAT_VECTOR", "POINT")
    rest.data.foreach_set("vector", head.vertices[order].astype(np.float32).ravel())


def _eye_angles(head: Head) -> np.ndarray:
    """(5023,) float32: angle of each eyeball vertex from the eye's axis, in radians; ``_NO_EYE`` elsewhere."""
    angles = np.full(len(head.vertices), _NO_EYE, np.float32)
    for ball in head.eyes:
        outward = head.vertices[ball] - head.vertices[ball].mean(axis=0)
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        angles[ball] = np.arccos(np.clip(outward[:, 2], -1.0, 1.0))
    return angles


def plain_skin(name: str) -> bpy.types.Material:
    """A skin of one colour for meshes that have no material."""
    material, nodes = _new_material(name)
    _as_skin(nodes.shader)
    nodes.shader.inputs["Base Color"].default_value = _SKIN_COLOR
    return material


def mouth_material(part: str) -> bpy.types.Material:
    """The material of a part of the mouth (teeth, gums, tongue, lining), the same for every head in the file."""
    name = f"Talker {part}"
    found = bpy.data.materials.get(name)
    if found is not None:
        return found
    colour, roughness = _MOUTH[part]
    material, nodes = _new_material(name)
    nodes.shader.inputs["Base Color"].default_value = colour
    nodes.shader.inputs["Roughness"].default_value = roughness
    material.diffuse_color, material.roughness = colour, roughness  # Solid view
    return material


class _Nodes:
    """Adds nodes to a material in one line each; a socket or a number is an input."""

    def __init__(self, tree: bpy.types.NodeTree) -> None:
        self.tree = tree
        self.shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")

    def add(self, kind: str, *inputs, **settings) -> bpy.types.Node:
        node = self.tree.nodes.new(kind)
        node.location = (-200.0 * (1 + len(self.tree.nodes) // 4), 200.0 * (len(self.tree.nodes) % 4))
        for name, value in settings.items():
            setattr(node, name, value)
        for socket, value in zip(node.inputs, inputs, strict=False):
            self.feed(socket, value)
        return node

    def feed(self, socket: bpy.types.NodeSocket, value) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        else:
            socket.default_value = value

    def math(self, operation: str, *inputs) -> bpy.types.NodeSocket:
        return self.add("ShaderNodeMath", *inputs, operation=operation).outputs[0]

    def curve(self, points: Sequence[tuple[float, float]], position) -> bpy.types.NodeSocket:
        node = self.add("ShaderNodeFloatCurve")
        curve = node.mapping.curves[0]
        for x, y in points[1:-1]:
            curve.points.new(x, y)
        curve.points[0].location, curve.points[-1].location = points[0], points[-1]
        node.mapping.update()
        self.feed(node.inputs["Value"], position)
        return node.outputs[0]

    def smooth_step(self, value, low: float, high: float) -> bpy.types.NodeSocket:
        """0 below ``low``, 1 above ``high``."""
        node = self.add("ShaderNodeMapRange", value, low, high, 0.0, 1.0, interpolation_type="SMOOTHSTEP")
        return node.outputs[0]

    def mix(self, share, first, second) -> bpy.types.NodeSocket:
        node = self.add("ShaderNodeMix", data_type="RGBA")
        colours = [socket for socket in node.inputs if socket.type == "RGBA"]
        for socket, value in zip([node.inputs[0], *colours], (share, first, second), strict=True):
            self.feed(socket, value)
        return next(socket for socket in node.outputs if socket.type == "RGBA")


@contextmanager
def plain(target: bpy.types.Object) -> Iterator[None]:
    """Our materials on ``target`` have one colour each inside, not painted; as before afterwards.

    glTF and USD take what they cannot read for white. A material that reads an image stays: they know images.
    """
    made = {slot.material for slot in target.material_slots if slot.material and not slot.material.library}
    unplugged = []
    try:
        for material in made:
            nodes = material.node_tree.nodes if material.name.partition(".")[0] in _PLAIN and material.node_tree else ()
            if any(node.type == "TEX_IMAGE" for node in nodes):
                continue
            for shader in (node for node in nodes if node.type == "BSDF_PRINCIPLED"):
                for link in [link for socket in shader.inputs for link in socket.links]:
                    unplugged.append((material.node_tree, link.from_socket, link.to_socket))
                    material.node_tree.links.remove(link)
        yield
    finally:
        for tree, source, sink in unplugged:
            tree.links.new(source, sink)


def _make(name: str) -> bpy.types.Material:
    material, nodes = _new_material(name)
    nodes.shader.inputs["Base Color"].default_value = material.diffuse_color = _PLAIN[name]
    if name == SKIN:
        _paint_skin(nodes)
    else:
        _paint_eye(nodes)
    return material


def _new_material(name: str) -> tuple[bpy.types.Material, _Nodes]:
    material = bpy.data.materials.new(name)
    if material.node_tree is None:
        material.use_nodes = True  # 4.x starts without nodes; later versions always have them
    return material, _Nodes(material.node_tree)


def _as_skin(shader: bpy.types.Node) -> None:
    shader.inputs["Roughness"].default_value = 0.48
    shader.inputs["Subsurface Weight"].default_value = _SUBSURFACE
    shader.inputs["Subsurface Radius"].default_value = (0.010, 0.0035, 0.002)  # metres
    shader.inputs["Subsurface Scale"].default_value = 1.0


def _paint_skin(nodes: _Nodes) -> None:
    _as_skin(nodes.shader)
    rest = nodes.add("ShaderNodeAttribute", attribute_name=_REST)
    parts = nodes.add("ShaderNodeSeparateXYZ", rest.outputs["Vector"])
    aside = nodes.math("DIVIDE", nodes.math("ABSOLUTE", parts.outputs[0]), _UNIT)
    height = nodes.math("DIVIDE", parts.outputs[1], _UNIT)
    front = nodes.smooth_step(parts.outputs[2], 0.012, 0.022)

    off_line = nodes.math("ABSOLUTE", nodes.math("SUBTRACT", height, nodes.curve(_BROW_LINE, aside)))
    within = nodes.math("SUBTRACT", nodes.curve(_BROW_HALF_WIDTH, aside), off_line)
    hair = nodes.add("ShaderNodeTexNoise")
    nodes.feed(hair.inputs["Vector"], rest.outputs["Vector"])
    nodes.feed(hair.inputs["Scale"], 900.0)
    ragged = nodes.math("MULTIPLY_ADD", hair.outputs[0], 0.05, nodes.math("SUBTRACT", within, 0.025))
    brow = nodes.math("MULTIPLY", nodes.smooth_step(ragged, -0.01, 0.03), front)
    brow = nodes.math("MULTIPLY", brow, 0.85)

    raised = nodes.math("ADD", height, 1.0)
    below_top = nodes.math("SUBTRACT", nodes.curve(_LIP_TOP, aside), raised)
    above_bottom = nodes.math("SUBTRACT", raised, nodes.curve(_LIP_BOTTOM, aside))
    lip = nodes.smooth_step(nodes.math("MINIMUM", below_top, above_bottom), -0.02, 0.03)
    lip = nodes.math("MULTIPLY", lip, nodes.smooth_step(parts.outputs[2], 0.035, 0.045))

    colour = nodes.mix(nodes.math("MULTIPLY", lip, 0.75), _SKIN_COLOR, _LIP_COLOR)
    colour = nodes.mix(brow, colour, _BROW_COLOR)
    # FLAME has no mouth: between open lips one sees the inside of the back of the head
    inside = nodes.add("ShaderNodeNewGeometry").outputs["Backfacing"]
    nodes.feed(nodes.shader.inputs["Base Color"], nodes.mix(inside, colour, _INSIDE_COLOR))
    outside = nodes.math("SUBTRACT", 1.0, inside)
    nodes.feed(nodes.shader.inputs["Specular IOR Level"], nodes.math("MULTIPLY", outside, 0.5))
    nodes.feed(nodes.shader.inputs["Subsurface Weight"], nodes.math("MULTIPLY", outside, _SUBSURFACE))
    nodes.feed(nodes.shader.inputs["Roughness"], nodes.math("MULTIPLY_ADD", lip, -0.16, 0.48))


def _paint_eye(nodes: _Nodes) -> None:
    """The whole eye in each of its materials: so the iris' edge is a circle, whatever the faces are."""
    angle = nodes.add("ShaderNodeAttribute", attribute_name=_EYE_ANGLE)
    ramp = nodes.add("ShaderNodeValToRGB", angle.outputs["Fac"])
    elements = ramp.color_ramp.elements
    for position, _ in _EYE_COLORS[1:-1]:
        elements.new(position)
    elements[0].position, elements[-1].position = _EYE_COLORS[0][0], _EYE_COLORS[-1][0]
    for element, (_, colour) in zip(elements, _EYE_COLORS, strict=True):
        element.color = colour
    nodes.feed(nodes.shader.inputs["Base Color"], ramp.outputs["Color"])
    nodes.shader.inputs["Roughness"].default_value = 0.08
