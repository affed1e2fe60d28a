"""A head's mouth in Blender: it follows the head whatever moves it, in copies, scenes and exports."""

import json
import struct

import bpy
import numpy as np
import pytest

from blendshape_talker.blender import animation, export, export_formats, mouth, preview, scene_io
from blendshape_talker.blender.animation import Take
from blendshape_talker.errors import TalkerError
from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.face import meshes
from blendshape_talker.face.flame import load_head
from blendshape_talker.face.mouth import load_mouth

NAMES = ("speech jaw open", "expression smile", "expression brows")


@pytest.fixture
def deltas():
    library = ExpressionLibrary.load()
    groups = (("jawOpen",), ("mouthSmile_L", "mouthSmile_R"), ("browOuterUp_L", "browOuterUp_R"))
    return np.stack([sum(library.basis[library.directions.index(name)] for name in group) for group in groups])


@pytest.fixture
def head(scene):
    return scene_io.add_demo_head(bpy.context)


def speak(head, deltas, peak=0.5):
    """Bake a take in which the jaw opens up to ``peak`` at frame 11 of 11, with a smile of 0.4."""
    weights = np.stack([np.linspace(0, peak, 11), np.full(11, 0.4), np.linspace(0, 1, 11)], axis=1).astype(np.float32)
    fit = meshes.fit_to_canonical(animation.rest_vertices(head))
    animation.write_take(head, Take(NAMES, 1, meshes.transform_deltas(deltas, fit), weights))


def positions(item, frame):
    """World positions (V, 3) at a frame."""
    bpy.context.scene.frame_set(frame)
    evaluated = item.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    made = np.empty((len(mesh.vertices), 3), np.float32)
    mesh.vertices.foreach_get("co", made.ravel())
    evaluated.to_mesh_clear()
    matrix = np.array(evaluated.matrix_world)
    return made @ matrix[:3, :3].T + matrix[:3, 3]


def travel(item, frame=11):
    """Metres by which the item's fastest vertex moves from frame 1 to ``frame``."""
    return float(np.linalg.norm(positions(item, frame) - positions(item, 1), axis=1).max())


def select(*items):
    bpy.context.view_layer.update()
    for item in bpy.context.view_layer.objects:
        item.select_set(item in items)
    bpy.context.view_layer.objects.active = items[0]


def test_the_demo_head_has_a_mouth_that_follows_its_bake(head, deltas):
    (made,) = mouth.mouths_of(head)
    speak(head, deltas)
    bundled = load_mouth()
    wanted = bundled.vertices + np.tensordot([0.5, 0.4], bundled.key_deltas(deltas[:2]), 1)
    upright = np.array(scene_io.UPRIGHT)
    np.testing.assert_allclose(positions(made, 11), wanted @ upright[:3, :3].T, atol=2e-5)
    names = [block.name for block in made.data.shape_keys.key_blocks]
    assert "Basis" in names and len(names) == 3  # brows move no mouth
    assert [material.name for material in made.data.materials] == [
        "Talker teeth", "Talker gums", "Talker tongue", "Talker lining"
    ]  # fmt: skip


def test_it_follows_the_next_bake_hands_and_strength(head, deltas):
    (made,) = mouth.mouths_of(head)
    speak(head, deltas)
    first = travel(made)
    speak(head, deltas, peak=0.25)
    assert travel(made) == pytest.approx(first / 2, rel=0.02)
    assert len(made.data.shape_keys.animation_data.drivers) == 2
    head.data.shape_keys.animation_data_clear()
    head.data.shape_keys.key_blocks[1].value = 0.5
    bpy.context.view_layer.update()
    assert np.abs(positions(made, 1) - np.array(made.matrix_world.translation)).max() > 0
    assert travel(made) == 0
    assert made.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.shape_keys.key_blocks[
        1
    ].value == pytest.approx(0.5)


def test_keys_that_are_gone_go(head, deltas):
    (made,) = mouth.mouths_of(head)
    speak(head, deltas)
    head.shape_key_remove(head.data.shape_keys.key_blocks[1])
    mouth.follow(head)
    assert len(made.data.shape_keys.key_blocks) == 2 == 1 + len(made.data.shape_keys.animation_data.drivers)


def test_copies_follow_their_own_head(head, deltas):
    (made,) = mouth.mouths_of(head)
    speak(head, deltas)
    select(head, made)
    bpy.ops.object.duplicate()
    twin = bpy.context.view_layer.objects.active
    (other,) = mouth.mouths_of(twin)
    assert other != made and twin != head
    assert travel(other) == pytest.approx(travel(made))
    twin.data.shape_keys.animation_data_clear()
    assert travel(other) == 0 and travel(made) > 5e-3


def test_a_copy_of_the_head_alone_can_have_its_own(head, deltas):
    speak(head, deltas)
    select(head)
    bpy.ops.object.duplicate()
    twin = bpy.context.view_layer.objects.active
    assert not mouth.mouths_of(twin)
    made = mouth.add_mouth(twin)
    assert travel(made) == pytest.approx(travel(mouth.mouths_of(head)[0]))


def test_it_moves_between_scenes(head, deltas):
    (made,) = mouth.mouths_of(head)
    speak(head, deltas)
    before = travel(made)
    other = bpy.data.scenes.new("Other")
    for item in (head, made):
        other.collection.objects.link(item)
        bpy.context.scene.collection.objects.unlink(item)
    layer = other.view_layers[0]
    places = []
    for frame in (1, 11):
        other.frame_set(frame)
        layer.depsgraph.update()
        block = made.evaluated_get(layer.depsgraph).data.shape_keys.key_blocks[1]
        places.append(block.value)
    assert places == pytest.approx([0.0, 0.5]) and before > 5e-3


def test_a_mesh_in_millimetres_on_its_side_gets_one_that_fits(scene, deltas, tmp_path):
    bundled = load_head()
    turned = 1000.0 * 1.1 * bundled.vertices[:, [0, 2, 1]] * [1, -1, 1] + [10, 20, 30]
    lines = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in turned]
    lines += [f"f {a} {b} {c}" for a, b, c in bundled.faces + 1]
    (tmp_path / "person.obj").write_text("\n".join(lines))
    head, _ = scene_io.import_head(bpy.context, tmp_path / "person.obj")
    made = mouth.add_mouth(head)
    speak(head, deltas)
    rim = np.flatnonzero(load_mouth().lip_weights == 1)
    lips = load_mouth().lip_vertices[rim]
    for frame in (1, 6, 11):
        np.testing.assert_allclose(positions(made, frame)[rim], positions(head, frame)[lips], atol=2e-5)
    upper = np.array(made.data.polygons[-1].normal)
    assert np.isfinite(upper).all() and travel(made) == pytest.approx(0.5 * 0.04, rel=0.3)


def test_what_is_no_head_and_what_has_a_mouth_is_refused_in_one_line(scene, make_head, head):
    with pytest.raises(TalkerError, match="has a mouth already"):
        mouth.add_mouth(head)
    count = len(bpy.data.objects), len(bpy.data.meshes)
    with pytest.raises(TalkerError, match="5023"):
        mouth.add_mouth(make_head())
    assert (len(bpy.data.objects), len(bpy.data.meshes)) == (count[0] + 1, count[1] + 1)


@pytest.mark.parametrize("suffix", [".fbx", ".abc", ".usdc"])
@pytest.mark.parametrize("hidden", [False, True])
def test_exports_carry_it_where_both_are_hidden_too(head, deltas, tmp_path, suffix, hidden):
    if not export_formats.FORMATS[suffix].available:
        pytest.skip(f"this Blender has no {suffix} export")
    (made,) = mouth.mouths_of(head)
    speak(head, deltas)
    wanted = travel(made)
    if hidden:
        cupboard = bpy.data.collections.new("Cupboard")
        bpy.context.scene.collection.children.link(cupboard)
        for item in (head, made):
            cupboard.objects.link(item)
            bpy.context.scene.collection.objects.unlink(item)
        bpy.context.view_layer.layer_collection.children["Cupboard"].exclude = True
    bystander = bpy.data.objects.new("Bystander", bpy.data.meshes.new("Bystander"))
    bpy.context.scene.collection.objects.link(bystander)
    export.export_head(bpy.context, head, tmp_path / f"head{suffix}")
    if hidden:
        assert list(bpy.context.scene.collection.objects) == [bystander]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    readers = {".fbx": ("import_scene", "fbx"), ".abc": ("wm", "alembic_import"), ".usdc": ("wm", "usd_import")}
    module, name = readers[suffix]
    getattr(getattr(bpy.ops, module), name)(filepath=str(tmp_path / f"head{suffix}"))
    (found,) = [item for item in bpy.data.objects if item.type == "MESH" and "Mouth" in item.name]
    assert not [item for item in bpy.data.objects if "Bystander" in item.name]
    if found.data.shape_keys:  # importers leave sliders at 0 … 1
        for block in found.data.shape_keys.key_blocks:
            block.slider_max, block.slider_min = 10.0, -10.0
    reach = max(  # FBX comes back one frame later
        float(np.linalg.norm(positions(found, frame) - positions(found, 1), axis=1).max()) for frame in (11, 12)
    )
    assert reach == pytest.approx(wanted, rel=0.03)


def test_a_mouth_that_was_hidden_by_hand_stays_out_of_the_file(head, deltas, tmp_path):
    (made,) = mouth.mouths_of(head)
    speak(head, deltas)
    made.hide_set(True)
    export.export_head(bpy.context, head, tmp_path / "head.glb")
    assert b'"name":"Mouth"' not in (tmp_path / "head.glb").read_bytes() and made.hide_get()


def test_gltf_carries_its_weights(head, deltas, tmp_path):
    speak(head, deltas)
    export.export_head(bpy.context, head, tmp_path / "head.glb")
    data = (tmp_path / "head.glb").read_bytes()
    (length,) = struct.unpack("<I", data[12:16])
    content, binary = json.loads(data[20 : 20 + length]), data[28 + length :]
    weights = {}
    for animation_of_file in content["animations"]:
        for channel in animation_of_file["channels"]:
            if channel["target"]["path"] == "weights":
                accessor = content["accessors"][animation_of_file["samplers"][channel["sampler"]]["output"]]
                offset = content["bufferViews"][accessor["bufferView"]].get("byteOffset", 0)
                numbers = np.frombuffer(binary, np.float32, accessor["count"], offset + accessor.get("byteOffset", 0))
                weights[content["nodes"][channel["target"]["node"]]["name"]] = numbers
    jaw = weights["Mouth"].reshape(-1, 2)[:, 0]  # jaw, smile
    np.testing.assert_allclose(jaw, np.linspace(0, 0.5, 11), atol=1e-4)
    np.testing.assert_allclose(jaw, weights["Demo head"].reshape(-1, 3)[:, 0], atol=1e-6)


def test_pictures_show_it_and_leave_nothing(head, deltas, tmp_path):
    speak(head, deltas)
    counts = [len(getattr(bpy.data, kind)) for kind in ("objects", "meshes", "materials", "scenes")]
    with preview._studio(head, 16, 1) as scene:
        copies = [item for item in scene.objects if item.get(mouth.MARK)]
        assert len(copies) == 1 and copies[0].parent in list(scene.objects)
    assert [len(getattr(bpy.data, kind)) for kind in ("objects", "meshes", "materials", "scenes")] == counts
    assert mouth.mouths_of(head)
