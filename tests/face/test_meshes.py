"""Mesh files: what is read, that the order is kept, and one line for whatever is wrong."""

import pickle
import struct

import numpy as np
import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.face.meshes import read_mesh

VERTICES = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0.125], [0, 1, -2.5]], float)
TRIANGLES = [[0, 1, 2], [0, 2, 3]]
OBJ = """# made by hand
o head
v 0 0 0
v 1.0 0 0 0.5 0.5 0.5
v 1 1 .125 # colour before, comment here
v 0 1e0 -2.5
vt 0 0
vn 0 0 1
s 1
f 1/1/1 2//1 3/1 4
"""


def ply_header(encoding: str, real: str, lists: str = "property list uchar int vertex_indices", faces: int = 2) -> str:
    properties = "".join(f"property {real} {axis}\n" for axis in "xyz")
    return (
        f"ply\nformat {encoding} 1.0\ncomment by hand\nelement vertex 4\n{properties}property uchar red\n"
        f"element face {faces}\n{lists}\nend_header\n"
    )


def binary_ply(order: str, real: str, polygons) -> bytes:
    encoding = {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
    letter = {"float": "f", "double": "d"}[real]
    content = ply_header(encoding, real, faces=len(polygons)).encode()
    for vertex in VERTICES:
        content += struct.pack(f"{order}3{letter}B", *vertex, 200)
    for polygon in polygons:
        content += struct.pack(f"{order}B{len(polygon)}i", len(polygon), *polygon)
    return content


def assert_is_mesh(mesh, triangles=TRIANGLES) -> None:
    assert mesh.vertices.dtype == np.float64 and mesh.faces.dtype == np.int32
    np.testing.assert_array_equal(mesh.vertices, VERTICES)
    assert mesh.faces.tolist() == triangles


def test_obj(tmp_path):
    (tmp_path / "head.OBJ").write_text(OBJ)
    assert_is_mesh(read_mesh(tmp_path / "head.OBJ"))
    (tmp_path / "windows.obj").write_bytes(OBJ.replace("\n", "\r\n").encode() + b"f -4 -3 \\\n -2\n")
    assert_is_mesh(read_mesh(tmp_path / "windows.obj"), [*TRIANGLES, [0, 1, 2]])


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("real", ["float", "double"])
@pytest.mark.parametrize("polygons", [TRIANGLES, [[0, 1, 2, 3]], []])
def test_binary_ply(tmp_path, order, real, polygons):
    (tmp_path / "head.ply").write_bytes(binary_ply(order, real, polygons))
    assert_is_mesh(read_mesh(tmp_path / "head.ply"), TRIANGLES if polygons else [])


def test_ascii_ply(tmp_path):
    rows = "".join(f"{x} {y} {z} 7\n" for x, y, z in VERTICES)
    content = ply_header("ascii", "float64") + rows + "3 0 1 2\n3 0 2 3\n"
    (tmp_path / "head.ply").write_text(content)
    assert_is_mesh(read_mesh(tmp_path / "head.ply"))
    (tmp_path / "windows.ply").write_bytes(content.replace("\n", "\r\n").encode())
    assert_is_mesh(read_mesh(tmp_path / "windows.ply"))


def test_ply_with_elements_and_lists_that_do_not_matter(tmp_path):
    header = (
        "ply\nformat binary_little_endian 1.0\nobj_info x\nelement camera 1\nproperty list uchar short path\n"
        "element vertex 4\nproperty float nx\nproperty double y\nproperty double x\nproperty double z\n"
        "element face 2\nproperty uchar flags\nproperty list uint uint vertex_index\nproperty list uchar float uv\n"
        "element rest 9\nproperty int nothing\nend_header\n"
    )
    content = header.encode() + struct.pack("<B2h", 2, 5, 6)
    for x, y, z in VERTICES:
        content += struct.pack("<f3d", 9.0, y, x, z)
    for triangle in TRIANGLES:
        content += struct.pack("<BI3I", 1, 3, *triangle) + struct.pack("<B6f", 6, *range(6))
    (tmp_path / "head.ply").write_bytes(content)
    assert_is_mesh(read_mesh(tmp_path / "head.ply"))


@pytest.mark.parametrize("names", [("v", "f"), ("vertices", "faces"), ("v_template", "triangles")])
def test_npz(tmp_path, names):
    np.savez(tmp_path / "head.npz", **{names[0]: VERTICES.astype(np.float32), names[1]: np.array([[0, 1, 2, 3]])})
    assert_is_mesh(read_mesh(tmp_path / "head.npz"))
    np.savez(tmp_path / "points.npz", **{names[0]: VERTICES, "other": np.zeros(3)})
    assert_is_mesh(read_mesh(tmp_path / "points.npz"), [])


def test_flame_pickle(tmp_path):
    content = {"v_template": VERTICES, "f": np.array(TRIANGLES, np.uint32), "shapedirs": np.zeros((4, 3, 2))}
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(content, 2))
    assert_is_mesh(read_mesh(tmp_path / "model.pkl"))
    (tmp_path / "evil.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(TalkerError, match=r"names os\.system"):
        read_mesh(tmp_path / "evil.pkl")


def test_a_large_obj_keeps_every_vertex_in_place(tmp_path):
    vertices = np.random.default_rng(0).normal(size=(5023, 3)).round(6)
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices]
    (tmp_path / "head.obj").write_text("\n".join(lines))
    np.testing.assert_array_equal(read_mesh(tmp_path / "head.obj").vertices, vertices)


SOUND_PLY = binary_ply("<", "float", TRIANGLES)
BROKEN = {
    "empty.obj": (b"", "no vertices"),
    "empty.ply": (b"", "does not begin with 'ply'"),
    "empty.npz": (b"", "npz mesh"),
    "empty.pkl": (b"", "pickle"),
    "binary.obj": (bytes(range(256)), "binary"),
    "noise.obj": (b"\xff\xfe hello", "no vertices"),
    "letters.obj": (b"v 1 2 x\n", "line 1"),
    "short.obj": (b"v 1 2\n", "without x, y, z"),
    "line.obj": (b"v 0 0 0\nf 1 1\n", "line 2: a face with fewer"),
    "beyond.obj": (b"v 0 0 0\nf 1 2 3\n", "names vertex 2 of 1"),
    "before.obj": (b"v 0 0 0\nf -1 -1 -5\n", "a face names"),
    "nan.obj": (b"v 0 nan 0\nv 0 inf 0\nv 0 0 0\n", "2 of 3 vertices are NaN or infinite"),
    "header.ply": (b"ply\nformat ascii 1.0\nelement vertex 3\n", "header has no end"),
    "format.ply": (b"ply\nformat utf8 1.0\nend_header\n", "header line 'format utf8 1.0'"),
    "formless.ply": (b"ply\nelement vertex 1\nproperty float x\nend_header\n", "no known format"),
    "type.ply": (b"ply\nformat ascii 1.0\nelement vertex 1\nproperty text x\nend_header\n", "property text x"),
    "points.ply": (b"ply\nformat ascii 1.0\nelement point 0\nend_header\n", "no vertices"),
    "flat.ply": (b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n", "no x, y, z"),
    "negative.ply": (b"ply\nformat ascii 1.0\nelement vertex -1\nend_header\n", "below zero"),
    "none.ply": (ply_header("ascii", "float", faces=0).replace("vertex 4", "vertex 0").encode(), "has no vertices"),
    "cut ascii.ply": (ply_header("ascii", "float").encode() + b"0 0 0 0\n", "cut short: 1 of 4 vertex lines"),
    "cut line.ply": (ply_header("ascii", "float").encode() + b"0 0\n" * 4, "too short"),
    "cut list.ply": (ply_header("ascii", "float").encode() + b"0 0 0 0\n" * 4 + b"3 0 1\n" * 2, "too short"),
    "cut binary.ply": (SOUND_PLY[:-30], "cut short"),
    "cut face.ply": (SOUND_PLY[:-2], "cut short"),
    "huge.ply": (SOUND_PLY.replace(b"vertex 4", b"vertex 999999999999"), "cut short"),
    "torn.npz": (b"PK\x03\x04 torn", "npz mesh"),
    "text.npz": (b"hello", "npz mesh"),
    "mesh.stl": (b"solid", "meshes come as"),
    "mesh": (b"solid", "meshes come as"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_get_one_line_that_says_why(tmp_path, name):
    content, why = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TalkerError) as error:
        read_mesh(tmp_path / name)
    assert str(error.value).startswith(str(tmp_path / name)) and why in str(error.value)
    assert "\n" not in str(error.value) and ";" in str(error.value)


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"other": VERTICES}, "none of the arrays"),
        ({"v": VERTICES[:, :2]}, "no list of x, y, z"),
        ({"v": VERTICES, "f": np.zeros((2, 5), int)}, "no triangles or quads"),
        ({"v": VERTICES, "f": np.zeros((2, 3))}, "no triangles or quads"),
        ({"v": VERTICES.astype(str)}, "no list of x, y, z"),
        ({"v": VERTICES[:0]}, "no vertices"),
        ({"v": VERTICES + np.inf}, "NaN or infinite"),
        ({"v": np.array([{}], object)}, "allow_pickle"),
    ],
)
def test_npz_without_a_mesh_gets_one_line(tmp_path, arrays, why):
    np.savez(tmp_path / "head.npz", **arrays)
    with pytest.raises(TalkerError, match=why):
        read_mesh(tmp_path / "head.npz")


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(TalkerError, match="file not found"):
        read_mesh(tmp_path / "nowhere.ply")
    (tmp_path / "folder.obj").mkdir()
    with pytest.raises(TalkerError, match="cannot be read"):
        read_mesh(tmp_path / "folder.obj")
