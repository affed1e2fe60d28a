"""Exports read back: values and positions, and a scene that stays as it was."""

import bpy
import numpy as np
import pytest
from mathutils import Vector

from blendshape_talker.blender import animation, export, export_formats, scene_io
from blendshape_talker.blender.export_check import check_export
from blendshape_talker.blender.lines.names import short_names
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
    for column, name in enumerate(short_names(take.names)):
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


def hide_everywhere(target):
    """Hidden by eye, monitor, camera and two collections, as far as Blender goes; gives what must come back."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    for name in ("Excluded", "Hidden"):
        collection = bpy.data.collections.new(name)
        scene.collection.children.link(collection)
        collection.objects.link(target)
    scene.collection.objects.unlink(target)
    bpy.data.collections["Hidden"].hide_viewport = bpy.data.collections["Hidden"].hide_render = True
    target.hide_set(True)
    target.hide_viewport = target.hide_render = True
    layer.layer_collection.children["Excluded"].exclude = True
    return hidings(target)


def hidings(target):
    layer = bpy.context.view_layer
    return (
        [collection.name for collection in target.users_collection],
        bpy.data.collections["Hidden"].hide_viewport, bpy.data.collections["Hidden"].hide_render,
        layer.layer_collection.children["Excluded"].exclude, target.hide_viewport, target.hide_render,
    )  # fmt: skip


def read_back(path):
    """Import ``path`` into an empty file at 24 fps; the head in it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 24
    importers = {
        ".fbx": lambda: bpy.ops.import_scene.fbx(filepath=str(path)),
        ".glb": lambda: bpy.ops.import_scene.gltf(filepath=str(path)),
        ".abc": lambda: bpy.ops.wm.alembic_import(filepath=str(path), as_background_job=False),
        ".usdc": lambda: bpy.ops.wm.usd_import(filepath=str(path)),
    }
    importers[path.suffix]()
    return next(item for item in bpy.data.objects if item.type == "MESH")


def first_frame(head, suffix, start):
    """Where a take that began at ``start`` begins after the import."""
    if suffix == ".glb":  # seconds from the first frame on
        keys = head.data.shape_keys.animation_data
        curves = animation.read_curves(keys.action or keys.nla_tracks[0].strips[0].action)
        return round(min(points[0, 0] for points in curves.values()))
    return start + 1 if suffix == ".fbx" else start  # Blender's FBX importer begins one frame later


def positions_of(target):
    """Where the head's keys and strips lie on the timeline."""
    data = target.data.shape_keys.animation_data
    strips = [strip for track in data.nla_tracks for strip in track.strips]
    actions = [data.action] if data.action else []
    return (
        [(strip.name, strip.frame_start, strip.frame_end) for strip in strips],
        [[tuple(point.co) for point in curve.keyframe_points] for strip in strips for curve in strip.fcurves],
        [{path: points.tolist() for path, points in animation.read_curves(action).items()} for action in actions],
    )


@pytest.mark.parametrize("suffix", [".fbx", ".abc", ".glb", ".usdc"])
def test_a_hidden_head_is_exported(baked, tmp_path, suffix):
    target, take, rest = baked
    before = hide_everywhere(target)
    path = export.export_head(bpy.context, target, tmp_path / f"head{suffix}")
    assert hidings(target) == before
    head = read_back(path)
    assert len(head.data.vertices) >= len(rest)
    if head.data.shape_keys:
        widen_sliders(head)
    bpy.context.scene.frame_set(first_frame(head, suffix, take.start_frame) + 17)
    if len(head.data.vertices) == len(rest):
        assert np.abs(evaluated_positions(head) - expected_positions(take, rest, 17)).max() < 1e-4


@pytest.mark.parametrize("suffix", [".fbx", ".abc", ".glb", ".usdc"])
def test_the_whole_take_is_exported_whatever_the_scene_shows(scene, make_head, make_take, tmp_path, suffix):
    target, take = make_head(), make_take(start_frame=-20)
    target.location = (0.1, 0.2, 0.3)
    rest = animation.rest_vertices(target)
    animation.write_take(target, take)
    scene.render.fps = 24
    scene.frame_start, scene.frame_end, scene.use_preview_range = 10, 12, True
    before = positions_of(target)
    path = export.export_head(bpy.context, target, tmp_path / f"head{suffix}")
    assert (scene.frame_start, scene.frame_end, scene.use_preview_range) == (10, 12, True)
    assert positions_of(target) == before
    head = read_back(path)
    if head.data.shape_keys:
        widen_sliders(head)
    offset = first_frame(head, suffix, 0)  # a file cannot begin below 0
    for row in (0, 5, 40, 47):
        bpy.context.scene.frame_set(offset + row)
        assert np.abs(evaluated_positions(head) - expected_positions(take, rest, row)).max() < 1e-4, row


@pytest.mark.parametrize("suffix", [".fbx", ".abc", ".glb", ".usdc"])
def test_an_export_without_the_head_never_replaces_a_good_file(baked, tmp_path, monkeypatch, suffix):
    target, take, _ = baked
    path = export.export_head(bpy.context, target, tmp_path / f"head{suffix}")
    good = path.read_bytes()
    check_export(path, len(target.data.vertices), len(take.names), len(take.weights))
    # as if the exporter saw nothing of what was selected
    run = export._run

    def run_on_nothing(scene, chosen, temporary):
        target.select_set(False)
        run(scene, chosen, temporary)

    monkeypatch.setattr(export, "_run", run_on_nothing)
    with pytest.raises(TalkerError):
        export.export_head(bpy.context, target, path)
    assert path.read_bytes() == good
    assert sorted(item.name for item in tmp_path.iterdir()) == [path.name]


@pytest.mark.parametrize("suffix", [".fbx", ".abc", ".glb", ".usdc"])
def test_damaged_files_are_refused(baked, tmp_path, suffix):
    target, take, _ = baked
    path = export.export_head(bpy.context, target, tmp_path / f"head{suffix}")
    data = path.read_bytes()
    for damaged in (b"", b"nonsense" * 9, data[:200], data[:40] + b"\xff" * 200):
        path.write_bytes(damaged)
        with pytest.raises(TalkerError, match="nothing was kept|no mesh"):
            check_export(path, len(target.data.vertices), len(take.names), len(take.weights))


@pytest.mark.parametrize("suffix", [".fbx", ".glb"])
def test_a_take_that_does_not_play_is_refused(baked, tmp_path, suffix):
    target, _, _ = baked
    target.data.shape_keys.animation_data.use_nla = False
    target.data.shape_keys.animation_data.action = None
    with pytest.raises(TalkerError, match="muted"):
        export.export_head(bpy.context, target, tmp_path / f"head{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_expression_strength_reaches_the_export(baked, tmp_path):
    target, take, _ = baked
    animation.set_expression_strength(target, 0.5)
    export.export_head(bpy.context, target, tmp_path / "head.fbx")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 24
    bpy.ops.import_scene.fbx(filepath=str(tmp_path / "head.fbx"))
    bpy.context.scene.frame_set(take.start_frame + 1 + 12)
    value = imported_mesh().data.shape_keys.key_blocks["E shape 1"].value
    assert value == pytest.approx(0.5 * take.weights[12, 4], abs=1e-4)


def test_refusals_are_one_line_and_leave_no_file(baked, tmp_path, monkeypatch):
    target, *_ = baked
    with pytest.raises(TalkerError, match="use .fbx"):
        export.export_head(bpy.context, target, tmp_path / "head.max")
    with pytest.raises(TalkerError, match="no such folder"):
        export.export_head(bpy.context, target, tmp_path / "missing" / "head.fbx")
    missing = export_formats.Format("Alembic", "wm", "no_such_operator", {})
    monkeypatch.setitem(export_formats.FORMATS, ".abc", missing)
    with pytest.raises(TalkerError, match="this Blender has no Alembic export"):
        export.export_head(bpy.context, target, tmp_path / "head.abc")
    refusing = export_formats.Format("FBX", "export_scene", "fbx", {"global_scale": "wide"})
    monkeypatch.setitem(export_formats.FORMATS, ".fbx", refusing)
    (tmp_path / "head.fbx").write_text("an older export")
    with pytest.raises((TalkerError, TypeError)):
        export.export_head(bpy.context, target, tmp_path / "head.fbx")
    assert (tmp_path / "head.fbx").read_text() == "an older export"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["head.fbx"]


def test_a_full_disk_is_one_line(baked, tmp_path, capfd):
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))  # a write beyond fails as on a full disk
    try:
        with pytest.raises(TalkerError, match=r"^FBX export failed: File too large; free some space or name another"):
            export.export_head(bpy.context, baked[0], tmp_path / "head.fbx")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "Traceback" not in capfd.readouterr().err and list(tmp_path.iterdir()) == []


def read_fbx_back(path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 24
    bpy.ops.import_scene.fbx(filepath=str(path))
    return {item.name: item for item in bpy.data.objects if item.type == "MESH"}


def test_the_scene_s_range_can_be_chosen(baked, tmp_path):
    target, _, _ = baked
    export.export_head(bpy.context, target, tmp_path / "part.fbx", export.Choices(frames=(10, 25)))
    head = read_fbx_back(tmp_path / "part.fbx")["Head"]
    start, end = head.data.shape_keys.animation_data.action.frame_range
    assert end - start == 15


@pytest.mark.parametrize("attached", [True, False])
def test_what_hangs_on_the_head_goes_with_it_or_not(baked, make_head, tmp_path, attached):
    target, _, _ = baked
    teeth, hidden = make_head(vertices=60, name="Teeth"), make_head(vertices=60, name="Hidden")
    teeth.parent = hidden.parent = target
    hidden.hide_set(True)
    export.export_head(bpy.context, target, tmp_path / "head.fbx", export.Choices(attached=attached))
    assert [item.name for item in bpy.context.selected_objects] == ["Bystander"]
    assert set(read_fbx_back(tmp_path / "head.fbx")) == ({"Head", "Teeth"} if attached else {"Head"})


def test_an_fbx_of_plain_scale_is_as_large(baked, tmp_path):
    target, take, rest = baked
    for plain in (False, True):
        export.export_head(bpy.context, target, tmp_path / f"{plain}.fbx", export.Choices(plain_scale=plain))
    assert (tmp_path / "True.fbx").read_bytes() != (tmp_path / "False.fbx").read_bytes()
    head = read_fbx_back(tmp_path / "True.fbx")["Head"]
    size = np.ptp(rest, axis=0)
    corners = np.array([head.matrix_world @ Vector(corner) for corner in head.bound_box])
    assert np.abs(np.ptp(corners, axis=0) - size).max() < 0.2 * size.max()


@pytest.mark.parametrize("suffix", [".fbx", ".glb", ".usdc"])
def test_eyes_and_skin_have_their_colours_where_no_shader_nodes_are_known(scene, make_take, tmp_path, suffix):
    target = scene_io.add_demo_head(bpy.context)
    animation.write_take(target, make_take(vertices=len(target.data.vertices), frames=5))
    materials = {slot.material.name: slot.material for slot in target.material_slots}
    colours = {name: tuple(material.diffuse_color[:3]) for name, material in materials.items()}
    links = {name: len(material.node_tree.links) for name, material in materials.items()}
    export.export_head(bpy.context, target, tmp_path / f"head{suffix}")
    assert {name: len(material.node_tree.links) for name, material in materials.items()} == links
    read_back(tmp_path / f"head{suffix}")
    for name, colour in colours.items():
        found = bpy.data.materials.get(name) or bpy.data.materials[name.replace(" ", "_")]
        shader = next(node for node in found.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
        assert tuple(shader.inputs["Base Color"].default_value[:3]) == pytest.approx(colour, abs=0.01), name
