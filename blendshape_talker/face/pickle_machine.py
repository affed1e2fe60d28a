"""The pickle language, protocols 0 to 5, read one step at a time: makes plain values, calls only what it is given.

Python's own reader calls whatever a file names and believes what it claims. This one knows no imports. It counts its
steps, never reads beyond the file, and takes as keys of a table only text, bytes and small whole numbers: others can be
made to hash for ever.
"""

import codecs
import gc
import pickle
import struct
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, ClassVar

MAX_STEPS = 1_200_000  # VOCASET's index takes under 500,000; a step makes at most one small object
_LARGEST_KEY = 2**53  # beyond it whole numbers can be chosen so that all their hashes are equal

Step = Callable[["PickleMachine"], object]


def refused(what: str) -> pickle.UnpicklingError:
    """The error for what is understood and not wanted."""
    return pickle.UnpicklingError(f"refused: {what}")


class PickleMachine:
    """Runs the pickle in ``stream`` of ``size`` bytes.

    known: what each (module, name) stands for; nothing else can be named, and only these are called. state_takers: the
    classes whose objects may be given a state. Text of Python 2 is taken as Latin-1.
    """

    steps: ClassVar[dict[int, Step]]

    def __init__(
        self,
        stream: BinaryIO,
        size: int,
        known: Mapping[tuple[str, str], type],
        state_takers: tuple[type, ...],
    ) -> None:
        self._stream, self._left = stream, size
        self._known, self._callable, self._state_takers = known, set(known.values()), state_takers
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """The value on top at the end. UnpicklingError, or any other exception for a damaged file."""
        collecting = gc.isenabled()
        gc.disable()  # it would look at each of a million new lists again and again
        try:
            return self._run()
        finally:
            if collecting:
                gc.enable()

    def _run(self) -> Any:
        steps, read = self.steps, self.read
        for _ in range(MAX_STEPS):
            code = read(1)[0]
            if code == 0x2E:  # STOP
                return self.stack.pop()
            step = steps.get(code)
            if step is None:
                raise refused(f"step {code:#04x}")
            step(self)
        raise refused(f"more than {MAX_STEPS} steps")

    def read(self, count: int) -> bytes:
        if not 0 <= count <= self._left:
            raise EOFError("it is cut short")
        self._left -= count
        return self._stream.read(count)

    def line(self) -> bytes:
        line = self._stream.readline()
        self._left -= len(line)
        if line[-1:] != b"\n":
            raise EOFError("it is cut short")
        return line[:-1]

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.read(struct.calcsize(form)))[0]

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def since_mark(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def fill(self, table: Any, items: list[Any]) -> None:
        if type(table) is not dict or len(items) % 2:
            raise refused("sets items of no table")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) not in (str, bytes, int) or (type(key) is int and abs(key) > _LARGEST_KEY):
                raise refused(f"a {type(key).__name__} as a key")
            table[key] = value

    def extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise refused("adds to no list")
        self.stack[-1].extend(items)

    def name(self, module: str, name: str) -> None:
        if (module, name) not in self._known:
            raise refused(f"it names {module}.{name}")
        self.push(self._known[module, name])

    def call(self, arguments: Any, options: Any = None) -> None:
        made = self.stack.pop()
        if not isinstance(made, type) or made not in self._callable or type(arguments) is not tuple or options:
            raise refused("a call")
        self.push(made(*arguments))

    def give_state(self) -> None:
        state = self.stack.pop()
        kind = type(self.stack[-1])
        if not issubclass(kind, self._state_takers):
            raise refused(f"a state for a {kind.__name__}")
        self.stack[-1].__setstate__(state)

    def remember(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def whole_line(self) -> None:
        text = self.line()
        if text in (b"00", b"01"):  # protocol 0 writes truth so
            self.push(text == b"01")
        else:
            self.push(int(text.rstrip(b"L"), 0))

    def quoted(self) -> None:
        text = self.line().strip()
        if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in b"'\"":
            raise refused("text without quotes")
        self.push(codecs.escape_decode(text[1:-1])[0].decode("latin1"))


def _latin(content: bytes) -> str:
    return content.decode("latin1")


def _utf8(content: bytes) -> str:
    return content.decode("utf-8", "surrogatepass")


def _steps() -> dict[int, Step]:
    """Each opcode's step. Left out, so refused: persistent ids, extensions, old-style classes, buffers outside."""
    m = PickleMachine
    steps: dict[str | int, Step] = {
        0x80: lambda s: s.read(1),  # PROTO
        0x95: lambda s: s.read(8),  # FRAME: its bytes simply follow
        "(": lambda s: s.marks.append(len(s.stack)),
        "0": lambda s: s.stack.pop(),
        "1": lambda s: s.since_mark(),
        "2": lambda s: s.push(s.stack[-1]),
        "N": lambda s: s.push(None),
        0x88: lambda s: s.push(True),
        0x89: lambda s: s.push(False),
        "I": m.whole_line,
        "L": m.whole_line,
        0x8A: lambda s: s.push(int.from_bytes(s.read(s.number("<B")), "little", signed=True)),
        0x8B: lambda s: s.push(int.from_bytes(s.read(s.number("<i")), "little", signed=True)),
        "F": lambda s: s.push(float(s.line())),
        "S": m.quoted,
        "V": lambda s: s.push(s.line().decode("raw-unicode-escape")),
        "]": lambda s: s.push([]),
        0x8F: lambda s: s.push([]),  # a set: only chumpy keeps some, nobody looks into them
        "a": lambda s: s.extend([s.stack.pop()]),
        "e": lambda s: s.extend(s.since_mark()),
        0x90: lambda s: s.extend(s.since_mark()),
        0x91: lambda s: s.push(s.since_mark()),
        "l": lambda s: s.push(s.since_mark()),
        ")": lambda s: s.push(()),
        "t": lambda s: s.push(tuple(s.since_mark())),
        0x85: lambda s: s.push(_last(s.stack, 1)),
        0x86: lambda s: s.push(_last(s.stack, 2)),
        0x87: lambda s: s.push(_last(s.stack, 3)),
        "}": lambda s: s.push({}),
        "d": lambda s: _new_table(s),
        "s": lambda s: s.fill(s.stack[-3], list(_last(s.stack, 2))),
        "u": lambda s: s.fill(s.stack[s.marks[-1] - 1], s.since_mark()),
        "c": lambda s: s.name(s.line().decode("ascii"), s.line().decode("ascii")),
        0x93: lambda s: s.name(*_last(s.stack, 2)),
        "R": lambda s: s.call(s.stack.pop()),
        0x81: lambda s: s.call(s.stack.pop()),
        0x92: lambda s: s.call(*reversed((s.stack.pop(), s.stack.pop()))),
        "b": m.give_state,
        "p": lambda s: s.remember(int(s.line())),
        "q": lambda s: s.remember(s.number("<B")),
        "r": lambda s: s.remember(s.number("<I")),
        0x94: lambda s: s.remember(len(s.memo)),
        "g": lambda s: s.push(s.memo[int(s.line())]),
        "h": lambda s: s.push(s.memo[s.number("<B")]),
        "j": lambda s: s.push(s.memo[s.number("<I")]),
    }
    steps |= {"J": _number("<i"), "K": _number("<B"), "M": _number("<H"), "G": _number(">d")}
    steps |= {"T": _content("<i", _latin), "U": _content("<B", _latin)}
    steps |= {"X": _content("<I", _utf8), 0x8C: _content("<B", _utf8), 0x8D: _content("<Q", _utf8)}
    steps |= {"B": _content("<I", bytes), "C": _content("<B", bytes)}
    steps |= {0x8E: _content("<Q", bytes), 0x96: _content("<Q", bytes)}
    return {ord(code) if isinstance(code, str) else code: step for code, step in steps.items()}


def _number(form: str) -> Step:
    return lambda machine: machine.push(machine.number(form))


def _content(length: str, made: Callable[[bytes], Any]) -> Step:
    """The step that reads so many bytes as a number of the form ``length`` says."""
    return lambda machine: machine.push(made(machine.read(machine.number(length))))


def _last(stack: list[Any], count: int) -> tuple[Any, ...]:
    if len(stack) < count:
        raise refused("it takes more than it made")
    taken = tuple(stack[-count:])
    del stack[-count:]
    return taken


def _new_table(machine: PickleMachine) -> None:
    items = machine.since_mark()
    machine.push({})
    machine.fill(machine.stack[-1], items)


PickleMachine.steps = _steps()
