"""Small files made to fill the memory, to take for ever or to run something: each must get one line, soon."""

import io
import pickle
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np

STOP = b"."


def numpy_array(shape: bytes, kind: bytes, content: bytes) -> bytes:
    """Steps that leave a numpy array on the stack; each argument is given as steps."""
    reconstructed = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
    named_kind = b"cnumpy\ndtype\n(U" + bytes([len(kind)]) + kind + b"K\x00K\x01tR"
    ordered_kind = named_kind + b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    return reconstructed + b"(K\x01" + shape + ordered_kind + b"\x89" + content + b"tb"


def text(content: bytes) -> bytes:
    return b"T" + struct.pack("<i", len(content)) + content


def whole(number: int) -> bytes:
    return b"\x8a" + bytes([8]) + struct.pack("<q", number)


def shared(depth: int) -> bytes:
    """A list of two references to a list of two references to …: 2 ** depth leaves in a few bytes a level."""
    steps = b"]q\x00"
    for level in range(depth):
        steps += b"](" + (b"h" + bytes([level])) * 2 + b"eq" + bytes([level + 1])
    return steps


def sparse(pointers: list[int], indices: list[int], shape: tuple[int, int]) -> bytes:
    """A csc_matrix with one value per index."""
    state = b"}(U\x06_shape" + whole(shape[0]) + whole(shape[1]) + b"\x86"
    for name, values, kind in (("indptr", pointers, "i8"), ("indices", indices, "i8"), ("data", indices, "f8")):
        raw = np.array(values, kind).tobytes()
        size = whole(len(values)) + b"\x85"
        state += b"U" + bytes([len(name)]) + name.encode() + numpy_array(size, kind.encode(), text(raw))
    return b"cscipy.sparse.csc\ncsc_matrix\n)\x81" + state + b"ub"


def named(value: bytes, name: bytes = b"v_template") -> bytes:
    return b"}U" + bytes([len(name)]) + name + value + b"s" + STOP


def pickles() -> Iterator[tuple[str, bytes]]:
    yield "memory by a memo's number", b"]r\xff\xff\xff\x7f" + STOP
    yield "text of 2 GB", b"T\xff\xff\xff\x7fx"
    yield "bytes of 8 EB", b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7fx" + STOP
    yield "byte array of 8 EB", b"\x80\x05\x96" + b"\xff" * 7 + b"\x7fx" + STOP
    yield "frame of 8 EB", b"\x80\x04\x95" + b"\xff" * 7 + b"\x7fN" + STOP
    yield "number of 2 GB", b"\x8b\xff\xff\xff\x7f\x01" + STOP
    yield "number of many digits", b"I" + b"9" * 200_000 + b"\n" + STOP
    yield "shared lists", named(shared(200))
    yield "shared lists, few", named(shared(24))
    yield "shared lists in chumpy", named(b"cchumpy.ch\nCh\n)\x81}U\x01x" + shared(28) + b"sb")
    tuples = b")q\x00" + b"".join(b"h\x00h\x00\x86q\x00" for _ in range(60))
    yield "shared tuples as a key", b"}" + tuples + b"Ns" + STOP
    yield "shared tuples in a set", b"\x80\x04\x8f(" + tuples + b"\x90" + STOP
    yield "shared tuples in a frozen set", b"\x80\x04(" + tuples + b"\x91" + STOP
    colliding = b"".join(b"\x8a\x0a" + (k * (2**61 - 1)).to_bytes(10, "little") + b"N" for k in range(40_000))
    yield "keys of one hash", b"}(" + colliding + b"u" + STOP
    yield "a list in itself", b"]q\x00h\x00a" + STOP
    yield "a table in itself", b"}q\x00U\x01xh\x00s" + STOP
    yield "deep lists", b"]" * 100_000 + b"a" * 99_999 + STOP
    yield "deep marks", b"(" * 1_000_000 + STOP
    yield "many lists", b"(" + b"]" * 5_000_000 + b"l" + STOP
    yield "many tables", b"(" + b"}" * 1_900_000 + b"l" + STOP
    whale = text(b"\0" * 1_000_000) + b"q\x00"
    again = numpy_array(whole(125_000) + b"\x85", b"f8", b"h\x00")
    yield "one text as a thousand arrays", whale + b"(" + again * 1000 + b"l" + STOP
    encoded = b"c_codecs\nencode\n(" + b"h\x00tR"
    yield "one text encoded ten thousand times", whale + b"(" + encoded * 10_000 + b"l" + STOP
    buffer = b"cnumpy.core.numeric\n_frombuffer\n(h\x00cnumpy\ndtype\n(U\x02u1tR" + whole(1_000_000) + b"\x85U\x01CtR"
    yield "one buffer a thousand times", b"B" + whale[1:] + b"(" + buffer * 1000 + b"l" + STOP
    yield "bytes of a number", b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(U\x02f8tR" + whole(10**11) + b"tR."
    yield "array of a number", named(numpy_array(whole(10**10) + b"\x85", b"u1", whole(10**10)))
    yield "array of a claimed shape", named(numpy_array(whole(10**12) + b"\x85", b"f8", text(b"")))
    yield "array of a shape that overflows", named(numpy_array(whole(2**62) + whole(4) + b"\x86", b"f8", text(b"")))
    yield "array below zero", named(numpy_array(whole(-1) + b"\x85", b"f8", text(b"")))
    yield "array of 4 GB letters", named(numpy_array(whole(0) + b"\x85", b"U999999999", text(b"")))
    yield "sparse with wild counts", named(sparse([0, 2**40], [1], (5, 1)), b"J_regressor")
    yield "sparse below zero", named(sparse([0, -5], [1], (5, 1)), b"J_regressor")
    yield "sparse with wild indices", named(sparse([0, 1], [2**40], (5, 1)), b"J_regressor")
    yield "sparse with indices below zero", named(sparse([0, 1], [-7], (5, 1)), b"J_regressor")
    yield "sparse of absurd size", named(sparse([0, 1], [1], (2**31, 2**20)), b"J_regressor")
    yield "sparse of a few GB", named(sparse([0, *[1] * 50_000], [1], (50_000, 50_000)), b"J_regressor")
    for name in (b"os\nsystem", b"posix\nsystem", b"builtins\neval", b"subprocess\nPopen", b"__builtin__\ngetattr"):
        yield f"calls {name.decode()!r}", b"c" + name + b"\n(U\x0ctouch RAN.txtt" + b"R" + STOP
        yield f"calls {name.decode()!r} by INST", b"(U\x0ctouch RAN.txti" + name + b"\n" + STOP
        module, function = name.split(b"\n")
        stacked = b"\x8c" + bytes([len(module)]) + module + b"\x8c" + bytes([len(function)]) + function
        yield f"calls {name.decode()!r} at protocol 4", b"\x80\x04" + stacked + b"\x93(U\x0ctouch RAN.txttR" + STOP
    yield "changes a class", b"cchumpy.ch\nCh\n}U\x0c__setstate__Nsb" + STOP
    yield "an extension", b"\x80\x02\x82\x01" + STOP
    yield "a persistent id", b"Pos.system\n" + STOP


def zipped(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method, compresslevel=1) as archive:
        warnings.simplefilter("ignore")  # two members of one name are meant
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def npy(shape: str, kind: str = "<f8", content: bytes = b"") -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


def patched(archive: bytes, local: int, central: int, value: bytes) -> bytes:
    """``value`` at these offsets of the first member's local and central headers."""
    content = bytearray(archive)
    for start, offset in ((content.find(b"PK\3\4"), local), (content.find(b"PK\1\2"), central)):
        content[start + offset : start + offset + len(value)] = value
    return bytes(content)


def archives() -> Iterator[tuple[str, bytes]]:
    good = npy("(4, 3)", content=np.arange(12.0).tobytes())
    v = "vertices.npy"
    yield "100 MB of zeros", zipped([(v, npy("(4194304, 3)", content=bytes(3 * 8 * 4194304)))])
    yield "a claimed shape", zipped([(v, npy("(1000000000000, 3)"))])
    yield "a shape that overflows", zipped([(v, npy("(4611686018427387904, 4)"))])
    yield "a shape below zero", zipped([(v, npy("(-1, 3)"))])
    yield "a shape of no numbers", zipped([(v, npy("('x', 3)"))])
    yield "a deep header", zipped([(v, npy("(" * 4000 + ")" * 4000))])
    yield "a long header", zipped([(v, npy("(1," + "1," * 30_000 + ")"))])
    yield "a header of code", zipped([(v, npy("(__import__('os').system('touch RAN.txt'), 3)"))])
    yield "objects", zipped([(v, npy("(1,)", "|O", b"cos\nsystem\n(S'touch RAN.txt'\ntR."))])
    yield "letters of 4 GB", zipped([(v, npy("(1,)", "<U999999999"))])
    yield "an unknown type", zipped([(v, npy("(4, 3)", "<q99"))])
    yield "two of one name", zipped([(v, good), ("x.npy", b""), (v, npy("(1, 3)", content=bytes(24)))])
    yield "encrypted", patched(zipped([(v, good)]), 6, 8, b"\x01\x00")
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield f"method {method}", zipped([(v, npy("(40000, 3)", content=bytes(3 * 8 * 40000)))], method)
    yield "an unknown method", patched(zipped([(v, good)]), 8, 10, b"\x63\x00")
    yield "sizes that lie", patched(zipped([(v, good)]), 18, 20, b"\xff\xff\xff\x7f\xff\xff\xff\x7f")
    yield "a size of zero", patched(zipped([(v, good)]), 22, 24, b"\x00\x00\x00\x00")
    yield "a wrong sum", patched(zipped([(v, good)]), 14, 16, b"\x00\x00\x00\x00")
    large = zipfile.ZipInfo(v)
    large.extra = struct.pack("<HHQQ", 1, 16, 2**62, 2**62)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(large, good)
    yield "zip64 that lies", patched(buffer.getvalue(), 18, 20, b"\xff" * 8)
    yield "many members", zipped([(f"{index}.npy", b"") for index in range(3_000)])
    yield "a cut archive", zipped([(v, good)])[:-30]
    yield "an empty archive", zipped([])
    yield "a name that leads away", zipped([("../../vertices.npy", good)])


def objs() -> Iterator[tuple[str, bytes]]:
    triangle = b"v 0 0 0\nv 1 0 0\nv 0 1 0\n"
    yield "vertices at 1e308", b"v 1e308 -1e308 1e308\n" * 5023
    yield "vertices at 1e-308", b"v 1e-308 0 0\nv 0 1e-308 0\n" * 2511 + b"v 0 0 0\n"
    yield "vertices at 1e400", b"v 1e400 0 0\n" * 5023
    yield "vertices that are no number", b"v nan inf -inf\n" * 5023
    yield "a face of 10 ** 30", triangle + b"f 1 2 1" + b"0" * 30 + b"\n"
    yield "a face of many digits", triangle + b"f 1 2 " + b"9" * 100_000 + b"\n"
    yield "a face of a million corners", triangle + b"f " + b"1 2 3 " * 300_000 + b"\n"
    yield "a million vertices", b"v 0 0 0\n" * 1_000_000
    yield "millions of faces", triangle + b"f 1 2 3\n" * 3_000_000
    yield "millions of lines", b"\n" * 30_000_000
    yield "one long line", b"v " + b"0 " * 10_000_000
    yield "all in one place", b"v 1 1 1\n" * 5023
    yield "all on a line", b"".join(b"v %d 0 0\n" % index for index in range(5023))


def ply(header: str, content: bytes = b"", encoding: str = "binary_little_endian") -> bytes:
    return f"ply\nformat {encoding} 1.0\n{header}end_header\n".encode() + content


XYZ = "property float x\nproperty float y\nproperty float z\n"
CORNERS = "property list uchar int vertex_indices\n"


def plys() -> Iterator[tuple[str, bytes]]:
    for count in (2**31, 10**12, 10**30, 10**4000):
        for encoding in ("ascii", "binary_little_endian", "binary_big_endian"):
            yield f"1e{len(str(count)) - 1} vertices, {encoding}", ply(f"element vertex {count}\n{XYZ}", b"", encoding)
    yield "a billion of nothing", ply(f"element nothing 1000000000\nelement vertex 1\n{XYZ}", bytes(12))
    yield "a billion lists", ply(f"element face 1000000000\n{CORNERS}element vertex 1\n{XYZ}", bytes(10_000))
    yield "a million lists", ply(f"element face 5000000\n{CORNERS}element vertex 1\n{XYZ}", bytes(5_000_012))
    yield (
        "a list of 2 GB",
        ply(
            f"element vertex 1\n{XYZ}element face 1\nproperty list uint uchar vertex_indices\n", bytes(12) + b"\xff" * 4
        ),
    )
    yield (
        "a list below zero",
        ply(f"element vertex 1\n{XYZ}element face 1\nproperty list int int vertex_indices\n", bytes(12) + b"\xff" * 4),
    )
    yield (
        "corners that are no number",
        ply(
            f"element vertex 1\n{XYZ}element face 1\nproperty list uchar double vertex_indices\n",
            bytes(12) + b"\x03" + struct.pack("<3d", float("nan"), float("inf"), 1e308),
        ),
    )
    yield (
        "text corners of 1e308",
        ply(f"element vertex 1\n{XYZ}element face 1\n{CORNERS}", b"0 0 0\n3 1e308 nan inf\n", "ascii"),
    )
    yield (
        "vertices at 1e308",
        ply(
            "element vertex 5023\nproperty double x\nproperty double y\nproperty double z\n",
            struct.pack("<3d", 1e308, -1e308, 1e308) * 5023,
        ),
    )
    yield "many properties", ply("element vertex 1\n" + "".join(f"property uchar p{i}\n" for i in range(100_000)))
    yield "one property twice", ply(f"element vertex 1\n{XYZ}{XYZ}", bytes(24))
    yield "many headers", ply("comment x\n" * 1_000_000)
    yield "lines without end", ply(f"element vertex 3\n{XYZ}", b"\n" * 20_000_000, "ascii")


def wav(
    rate: int = 16000, channels: int = 1, bits: int = 16, claimed: int | None = None, content: int = 32000
) -> bytes:
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * block & 0xFFFFFFFF, block & 0xFFFF, bits)
    sound = (np.sin(np.arange(content // 2) * 0.2) * 9000).astype("<i2").tobytes()
    size = len(sound) if claimed is None else claimed
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size) + sound
    return b"RIFF" + struct.pack("<I", min(len(body) + size, 2**32 - 1)) + body


def flac(frames: int, rate: int = 16000, channels: int = 1) -> bytes:
    """A FLAC header that claims ``frames``, and no sound after it."""
    packed = rate << 44 | (channels - 1) << 41 | 15 << 36 | frames
    return b"fLaC\x80\x00\x00\x22" + struct.pack(">HH", 65535, 65535) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)


def recordings() -> Iterator[tuple[str, str, bytes]]:
    yield "1 Hz", "wav", wav(rate=1, content=2_000_000)
    yield "0 Hz", "wav", wav(rate=0)
    for rate in (2**31, 2**32 - 1, 10_000_000):
        yield f"{rate} Hz", "wav", wav(rate=rate)
    for channels in (0, 1000, 65535):
        yield f"{channels} channels", "wav", wav(channels=channels)
    for bits in (0, 1, 64, 65535):
        yield f"{bits} bits", "wav", wav(bits=bits)
    yield "no sound", "wav", wav(content=0)
    yield "4 GB claimed", "wav", wav(claimed=2**32 - 2, content=100)
    yield "a day of FLAC claimed", "flac", flac(2**36 - 1)
    yield "FLAC at 655 kHz with 8 channels", "flac", flac(2**36 - 1, 655_350, 8)
    noise = np.random.default_rng(5).integers(0, 256, 200_000, np.uint8).tobytes()
    yield "noise after MP3's mark", "mp3", b"\xff\xfb\x90\x00" + noise
    yield "an MP3 tag of 256 MB", "mp3", b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + noise
    yield "noise after Ogg's mark", "ogg", b"OggS\x00\x02" + noise
    yield "noise after FLAC's mark", "flac", b"fLaC" + noise
    yield "raw noise", "raw", noise
    yield "compressed noise", "wav", zlib.compress(noise)


def crafted() -> Iterator[tuple[str, str, bytes]]:
    """(name, suffix, content) of all."""
    for name, content in pickles():
        yield name, "pkl", content
    for name, content in archives():
        yield name, "npz", content
    for name, content in objs():
        yield name, "obj", content
    for name, content in plys():
        yield name, "ply", content
    yield from recordings()


def model_pickle(protocol: int) -> bytes:
    """A small table of arrays as FLAME's files have them: sound, for mutation."""
    random = np.random.default_rng(0)
    return pickle.dumps(
        {
            "v_template": random.normal(size=(9, 3)),
            "f": np.arange(9, dtype=np.uint32).reshape(3, 3),
            "weights": np.asfortranarray(random.normal(size=(9, 5))),
            "bs_style": "lbs",
            "names": [("a", 1), ("b", 2.5), ("c", None)],
        },
        protocol,
    )
