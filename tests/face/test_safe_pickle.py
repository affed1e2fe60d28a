"""FLAME's and VOCASET's pickles in every form they were published in, built here by hand; and files made to harm."""

import pickle
import struct
import sys
import types

import numpy as np
import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.face.safe_pickle import load_flame, load_plain

RANDOM = np.random.default_rng(0)
TEMPLATE = RANDOM.normal(size=(7, 3))
SHAPES = RANDOM.normal(size=(7, 3, 4))
FACES = np.array([[0, 1, 2], [2, 3, 4]], np.uint32)
REGRESSOR = np.zeros((5, 7))
REGRESSOR[[0, 1, 1, 4], [3, 0, 6, 2]] = [0.25, 0.5, 0.125, 1.0]


@pytest.fixture
def foreign_modules(monkeypatch):
    """Stand-ins for chumpy and scipy.sparse under their real names, so that Python's own pickler names them."""

    def install(chumpy_module: str, sparse_module: str) -> tuple[type, type, type]:
        classes = []
        for module, name in ((chumpy_module, "Ch"), (sparse_module, "csc_matrix"), (sparse_module, "csr_matrix")):
            parts = module.split(".")
            for depth in range(1, len(parts) + 1):
                path = ".".join(parts[:depth])
                existing = sys.modules.get(path)
                holder = existing if getattr(existing, "fake", False) else types.ModuleType(path)
                holder.fake = True
                monkeypatch.setitem(sys.modules, path, holder)
            made = type(name, (), {"__module__": module})
            setattr(sys.modules[module], name, made)
            classes.append(made)
        return tuple(classes)

    return install


def compressed(matrix: np.ndarray, by_columns: bool) -> dict:
    """The state of a scipy csc or csr matrix."""
    lines = matrix.T if by_columns else matrix
    others = [np.flatnonzero(line) for line in lines]
    return {
        "_shape": matrix.shape,
        "indptr": np.r_[0, np.cumsum([len(other) for other in others])].astype(np.int32),
        "indices": np.concatenate(others).astype(np.int32),
        "data": np.concatenate([line[other] for line, other in zip(lines, others, strict=True)]),
        "maxprint": 50,
    }


def model(classes: tuple[type, type, type], by_columns: bool = True) -> dict:
    chumpy, columns, rows = classes
    shapes, weights, regressor = chumpy(), chumpy(), (columns if by_columns else rows)()
    shapes.__dict__.update(x=SHAPES, _dirty_vars={"x"}, _itr=None)
    weights.__dict__.update(x=np.asfortranarray(SHAPES[:, 0]), _status="new")
    regressor.__dict__.update(compressed(REGRESSOR, by_columns))
    return {
        "v_template": TEMPLATE,
        "shapedirs": shapes,
        "weights": weights,
        "J_regressor": regressor,
        "f": FACES,
        "bs_style": "lbs",
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32),
        "lrotmin": np.float64(1.5),
    }


def assert_is_model(content: dict) -> None:
    np.testing.assert_array_equal(content["v_template"], TEMPLATE)
    np.testing.assert_array_equal(content["shapedirs"], SHAPES)
    np.testing.assert_array_equal(content["weights"], SHAPES[:, 0])
    np.testing.assert_array_equal(content["J_regressor"], REGRESSOR)
    np.testing.assert_array_equal(content["f"], FACES)
    assert content["f"].dtype == np.uint32 and content["kintree_table"][0, 0] == 2**32 - 1
    assert content["bs_style"] == "lbs" and content["lrotmin"] == 1.5
    content["v_template"] += 1  # arrays are the caller's own


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("chumpy_module", "sparse_module", "by_columns"),
    [
        ("chumpy.ch", "scipy.sparse.csc", True),
        ("chumpy.ch", "scipy.sparse._csc", True),
        ("chumpy", "scipy.sparse.csr", False),
    ],
)
def test_reads_models_written_by_python_3(
    tmp_path, foreign_modules, protocol, chumpy_module, sparse_module, by_columns
):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(model(foreign_modules(chumpy_module, sparse_module), by_columns), protocol))
    assert_is_model(load_flame(path))


def python_2(value, protocol: int) -> bytes:
    """What Python 2's pickle wrote for a model: 8-bit strings, copy_reg's reconstructor, numpy's old module names."""
    binary = protocol >= 1

    def string(data: bytes) -> bytes:
        if not binary:
            escaped = "".join(chr(b) if 32 <= b < 127 and b not in b"\\'" else f"\\x{b:02x}" for b in data)
            return b"S'" + escaped.encode() + b"'\n"
        return b"U" + bytes([len(data)]) + data if len(data) < 256 else b"T" + struct.pack("<i", len(data)) + data

    def number(n: int) -> bytes:
        return b"J" + struct.pack("<i", n) if binary else b"I%d\n" % n

    def encode(item) -> bytes:
        if item is None:
            return b"N"
        if isinstance(item, str):
            return string(item.encode("latin1"))
        if isinstance(item, np.floating):
            return b"cnumpy.core.multiarray\nscalar\n(" + dtype(item.dtype) + string(item.tobytes()) + b"tR"
        if isinstance(item, int):
            return number(item)
        if isinstance(item, set):
            return b"c__builtin__\nset\n((l" + b"".join(encode(entry) + b"a" for entry in item) + b"tR"
        if isinstance(item, tuple):
            return b"(" + b"".join(map(encode, item)) + b"t"
        if isinstance(item, dict):
            return b"(" + b"d" + b"".join(encode(k) + encode(v) + b"s" for k, v in item.items())
        if isinstance(item, np.ndarray):
            order = item.flags.f_contiguous and not item.flags.c_contiguous
            start = (
                b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(" + number(0) + b"t" + string(b"b") + b"tR"
            )
            flag = number(int(order)) if protocol < 2 else (b"\x88" if order else b"\x89")
            raw = string(item.tobytes("F" if order else "C"))
            return start + b"(" + number(1) + encode(item.shape) + dtype(item.dtype) + flag + raw + b"tb"
        name = f"c{type(item).__module__}\n{type(item).__name__}\n".encode()
        if protocol == 2:
            return name + b")\x81" + encode(item.__dict__) + b"b"
        return b"ccopy_reg\n_reconstructor\n(" + name + b"c__builtin__\nobject\nNtR" + encode(item.__dict__) + b"b"

    def dtype(kind: np.dtype) -> bytes:
        made = b"cnumpy\ndtype\n(" + string(kind.str[1:].encode()) + number(0) + number(1) + b"tR"
        return made + b"(" + number(3) + string(b"<") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"

    return (b"\x80\x02" if protocol == 2 else b"") + encode(value) + b"."


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_reads_models_written_by_python_2(tmp_path, foreign_modules, protocol):
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(python_2(model(foreign_modules("chumpy.ch", "scipy.sparse.csc")), protocol))
    assert_is_model(load_flame(path))


def test_reads_models_as_npz(tmp_path):
    np.savez(tmp_path / "model.npz", v_template=TEMPLATE, f=FACES)
    content = load_flame(tmp_path / "model.npz")
    np.testing.assert_array_equal(content["v_template"], TEMPLATE)
    np.savez(tmp_path / "objects.npz", v_template=np.array([{}], object))
    with pytest.raises(TalkerError, match=r"objects\.npz"):
        load_flame(tmp_path / "objects.npz")


def test_reads_vocaset_like_tables(tmp_path):
    table = {
        "FaceTalk_1": {"sentence01": {"audio": np.arange(5, dtype=np.int16), "sample_rate": 22000, 3: [1, 2.5, None]}},
        "more": (True, b"raw", "\xe9", np.array(["a", "bc"]), np.zeros((0, 3)), np.array([1, "x"], object)),
    }
    for protocol in range(6):
        (tmp_path / "table.pkl").write_bytes(pickle.dumps(table, protocol))
        read = load_plain(tmp_path / "table.pkl")
        sentence = read["FaceTalk_1"]["sentence01"]
        np.testing.assert_array_equal(sentence["audio"], np.arange(5))
        assert sentence["audio"].dtype == np.int16 and sentence["sample_rate"] == 22000
        assert sentence[3] == [1, 2.5, None] and read["more"][:3] == (True, b"raw", "\xe9")
        assert read["more"][3].tolist() == ["a", "bc"] and read["more"][4].shape == (0, 3)
        assert read["more"][5].tolist() == [1, "x"]


def test_big_endian_arrays_come_in_native_order(tmp_path):
    (tmp_path / "big.pkl").write_bytes(pickle.dumps(np.arange(4, dtype=">f4"), 2))
    read = load_plain(tmp_path / "big.pkl")
    assert read.dtype == np.float32 and read.dtype.isnative and read.tolist() == [0, 1, 2, 3]


ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
OBJECTS = b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntb"  # object type with forged flags
HOSTILE = {
    "calls a program": b"cos\nsystem\n(S'touch PWNED'\ntR.",
    "calls a program by its other name": b"cposix\nsystem\n(S'touch PWNED'\ntR.",
    "evaluates": b'c__builtin__\neval\n(S\'open("PWNED", "w")\'\ntR.',
    "evaluates, protocol 4": b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x03'1'\x85R.",
    "old instance": b"(S'touch PWNED'\nios\nsystem\n.",
    "dotted name through an allowed one": b"\x80\x04\x8c\x05numpy\x8c\x0cndarray.base\x93.",
    "dotted name through a module": b"\x80\x04\x8c\x05numpy\x8c\x06os.sys\x93.",
    "loads another pickle": b"cnumpy\nload\n(S'x'\ntR.",
    "imports": b"c__builtin__\n__import__\n(S'os'\ntR.",
    "reads an attribute": b"c__builtin__\ngetattr\n(cnumpy\nndarray\nS'mro'\ntR.",
    "persistent id": b"Pos.system\n.",
    "extension code": b"\x80\x02\x82\x01.",
    "changes an allowed class": b"cchumpy.ch\nCh\n(N(dS'__setstate__'\nccopy_reg\n_reconstructor\nstb.",
    "changes an allowed function": b"c_codecs\nencode\n(N(dS'__defaults__'\n(S'x'\ntstb.",
    "reconstructs another class": b"ccopy_reg\n_reconstructor\n(cnumpy\ndtype\nc__builtin__\nobject\nNtR.",
    "reconstructs another array": b"cnumpy.core.multiarray\n_reconstruct\n(cchumpy.ch\nCh\n(I0\ntS'b'\ntR.",
    "object pointers as bytes": ARRAY + b"(I1\n(I1\nt" + OBJECTS + b"I0\nS'AAAAAAAA'\ntb.",
    "object scalar as bytes": b"cnumpy.core.multiarray\nscalar\n(" + OBJECTS + b"S'AAAAAAAA'\ntR.",
    "structured type": b"cnumpy\ndtype\n(S'V8'\nI0\nI1\ntR(I3\nS'|'\nN(S'a'\nt(dI8\nI8\nI0\ntb.",
    "array larger than its bytes": ARRAY
    + b"(I1\n(I999999999\nI99999\ntcnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI0\nS'x'\ntb.",
    "negative shape": ARRAY
    + b"(I1\n(I-1\nI-1\ntcnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI0\nS'12345678'\ntb.",
    "encoding that runs a codec": b"c_codecs\nencode\n(S'x'\nS'zip'\ntR.",
    "contains itself": b"(lp0\ng0\na.",
    "a class as a value": b"(dS'v_template'\ncnumpy\nndarray\ns.",
    "a chumpy object without its array": b"(dS'v_template'\nccopy_reg\n_reconstructor\n"
    b"(cchumpy.ch\nCh\nc__builtin__\nobject\nNtR(dbs.",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("load", [load_flame, load_plain])
def test_hostile_pickles_are_refused(tmp_path, monkeypatch, name, load):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.pkl").write_bytes(HOSTILE[name])
    with pytest.raises(TalkerError, match=r"evil\.pkl") as error:
        load(tmp_path / "evil.pkl")
    assert "\n" not in str(error.value)
    assert [file.name for file in tmp_path.iterdir()] == ["evil.pkl"]


def test_a_refused_pickle_leaves_no_trace_for_the_next(tmp_path):
    for number, content in enumerate(HOSTILE.values()):
        (tmp_path / f"{number}.pkl").write_bytes(content)
        with pytest.raises(TalkerError):
            load_plain(tmp_path / f"{number}.pkl")
    (tmp_path / "good.pkl").write_bytes(pickle.dumps({"v": TEMPLATE, "b": b"\xff"}, 2))
    read = load_plain(tmp_path / "good.pkl")
    np.testing.assert_array_equal(read["v"], TEMPLATE)
    assert read["b"] == b"\xff"


def test_sparse_matrix_of_absurd_size_is_refused(tmp_path, foreign_modules):
    _, columns, _ = foreign_modules("chumpy.ch", "scipy.sparse.csc")
    huge = columns()
    huge.__dict__.update(compressed(REGRESSOR, True), _shape=(10**6, 10**6))
    (tmp_path / "huge.pkl").write_bytes(pickle.dumps({"J_regressor": huge}, 2))
    with pytest.raises(TalkerError, match="absurd size"):
        load_flame(tmp_path / "huge.pkl")


@pytest.mark.parametrize("cut", [0, 1, 2, 50, 200, -1])
def test_damaged_files_get_one_line(tmp_path, cut):
    path = tmp_path / "cut.pkl"
    path.write_bytes(pickle.dumps({"v_template": TEMPLATE}, 4)[:cut])
    with pytest.raises(TalkerError, match=r"cut\.pkl") as error:
        load_flame(path)
    assert "\n" not in str(error.value)


def test_files_that_are_no_model_get_one_line(tmp_path):
    with pytest.raises(TalkerError, match="file not found"):
        load_flame(tmp_path / "missing.pkl")
    with pytest.raises(TalkerError, match="cannot be read"):
        load_flame(tmp_path)
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1, 2], 2))
    with pytest.raises(TalkerError, match="holds no model"):
        load_flame(tmp_path / "list.pkl")
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(TalkerError, match=r"not a readable \.npz"):
        load_flame(tmp_path / "torn.npz")
