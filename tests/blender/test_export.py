"""Exports read back: values and positions, and a scene that stays as it was."""

import bpy
import numpy as np
import pytest

from blendshape_talker.blender import animation, export
from blendshape_talker.errors import TalkerError

FRAMES = (0, 1, 17, 46, 47)


@pytest.fixture
def baked(scene, make_head, make_take):
    """A baked head in a scene with company: (target, take, rest vertices)."""
    make_head(name="Bystander", seed=5)
    target, take = make_head(), make_take(start_frame=5)
    target.location = (0.1, 0.2, 0.3)
    rest = animation.rest_vertices(target)
    animation.write_take(target, take)
    scene.render.fps = 24
    scene.frame_start, scene.frame_end = take.start_frame, take.end_frame
    scene.frame_set(9)
    bpy.data.objects["Bystander"].select_set(True)
    bpy.context.view_layer.objects.active = bpy.data.objects["Bystander"]
    return target, take, rest


def imported_mesh(name="Head"):
    (found,) = [item for item in bpy.data.objects if item.type == "MESH" and item.name.startswith(name)]
    assert not [item for item in bpy.data.objects if item.name.startswith("Bystander")]
    return found


def widen_sliders(target):
    """Blender's glTF and USD importers leave sliders at 0 … 1, which clamps what the file rightly holds."""
    for block in target.data.shape_keys.key_blocks:
        block.slider_max, block.slider_min = 10.0, -10.0


def evaluated_positions(target):
    """World positions (V, 3) at the scene's current frame."""
    evaluated = target.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    positions = np.empty((len(mesh.vertices), 3), np.float32)
    mesh.vertices.foreach_get("co", positions.ravel())
    matrix = np.array(evaluated.matrix_world)
    return positions @ matrix[:3, :3].T + matrix[:3, 3]


def expected_positions(take, rest, row):
    return rest + np.tensordot(take.weights[row], take.deltas, axes=1) + (0.1, 0.2, 0.3)


@pytest.mark.parametrize("suffix", [".fbx", ".glb"])
def test_shape_key_animation_comes_back(baked, tmp_path, suffix):
    target, take, rest = baked
    export.export_head(bpy.context, target, tmp_path / f"head{suffix}")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = 24
    if suffix == ".fbx":
        bpy.ops.import_scene.fbx(filepath=str(tmp_path / "head.fbx"))
    else:
        bpy.ops.import_scene.gltf(filepath=str(tmp_path / "head.glb"))
    head = imported_mesh()
    keys = head.data.shape_keys
    curves = animation.read_curves(keys.animation_data.action or keys.animation_data.nla_tracks[0].strips[0].action)
    # FBX comes back one frame later (Blender's importer starts at frame 1 + first); glTF counts from its own zero
    offset = min(points[0, 0] for points in curves.values())
    if suffix == ".fbx":
        assert offset == take.start_frame + 1
    for column, name in enumerate(take.names):
        points = curves[f'key_blocks["{name}"].value']
        values = np.interp(np.arange(len(take.weights)) + offset, points[:, 0], points[:, 1])
        assert np.abs(values - take.weights[:, column]).max() < 1e-4
    if suffix == ".glb":
        widen_sliders(head)
    for row in FRAMES:
        scene.frame_set(int(offset) + row)
        assert np.abs(evaluated_positions(head) - expected_positions(take, rest, row)).max() < 1e-4


def test_alembic_positions_come_back_within_a_tenth_of_a_millimetre(baked, tmp_path):
    target, take, rest = baked
    export.export_head(bpy.context, target, tmp_path / "head.abc")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 24
    bpy.ops.wm.alembic_import(filepath=str(tmp_path / "head.abc"), as_background_job=False)
    head = imported_mesh()
    for row in FRAMES:
        bpy.context.scene.frame_set(take.start_frame + row)
        assert np.abs(evaluated_positions(head) - expected_positions(take, rest, row)).max() < 1e-4


def test_usd_positions_come_back(baked, tmp_path):
    target, take, rest = baked
    export.export_head(bpy.context, target, tmp_path / "head.usdc")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 24
    bpy.ops.wm.usd_import(filepath=str(tmp_path / "head.usdc"))
    head = next(item for item in bpy.data.objects if item.type == "MESH")
    widen_sliders(head)
    for row in FRAMES:
        bpy.context.scene.frame_set(take.start_frame + row)
        assert np.abs(evaluated_positions(head) - expected_positions(take, rest, row)).max() < 1e-4


@pytest.mark.parametrize("suffix", [".fbx", ".abc", ".glb", ".usdc"])
def test_the_scene_is_as_before_and_strength_counts(baked, tmp_path, suffix):
    target, take, _ = baked
    target.hide_set(True)
    target.hide_select = True
    export.export_head(bpy.context, target, tmp_path / f"head{suffix}")
    layer = bpy.context.view_layer
    assert [item.name for item in layer.objects if item.select_get()] == ["Bystander"]
    assert layer.objects.active.name == "Bystander"
    assert bpy.context.scene.frame_current == 9
    assert target.hide_get() and target.hide_select
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"head{suffix}"]


def test_expression_strength_reaches_the_export(baked, tmp_path):
    target, take, _ = baked
    animation.set_expression_strength(target, 0.5)
    export.export_head(bpy.context, target, tmp_path / "head.fbx")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 24
    bpy.ops.import_scene.fbx(filepath=str(tmp_path / "head.fbx"))
    bpy.context.scene.frame_set(take.start_frame + 1 + 12)
    value = imported_mesh().data.shape_keys.key_blocks["expression shape 1"].value
    assert value == pytest.approx(0.5 * take.weights[12, 4], abs=1e-4)


def test_refusals_are_one_line_and_leave_no_file(baked, tmp_path, monkeypatch):
    target, *_ = baked
    with pytest.raises(TalkerError, match="use .fbx"):
        export.export_head(bpy.context, target, tmp_path / "head.max")
    with pytest.raises(TalkerError, match="no such folder"):
        export.export_head(bpy.context, target, tmp_path / "missing" / "head.fbx")
    missing = export.Format("Alembic", "wm", "no_such_operator", {})
    monkeypatch.setitem(export.FORMATS, ".abc", missing)
    with pytest.raises(TalkerError, match="this Blender has no Alembic export"):
        export.export_head(bpy.context, target, tmp_path / "head.abc")
    refusing = export.Format("FBX", "export_scene", "fbx", {"global_scale": "wide"})
    monkeypatch.setitem(export.FORMATS, ".fbx", refusing)
    (tmp_path / "head.fbx").write_text("an older export")
    with pytest.raises((TalkerError, TypeError)):
        export.export_head(bpy.context, target, tmp_path / "head.fbx")
    assert (tmp_path / "head.fbx").read_text() == "an older export"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["head.fbx"]
