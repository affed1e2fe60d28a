"""What is in the zips, without running it: each wheel fits its target, every import that a bake reaches resolves.

Windows' and macOS' zips are checked on any machine this way: the modules that a bake imports are found by reading the
import statements, from the product's own on, through the wheels' sources.
"""

import ast
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .common import PACKAGE, BuildError
from .wheels import Target

# Top-level modules that every Blender brings.
BLENDERS_OWN = {"bpy", "mathutils", "numpy", "addon_utils", "bpy_extras", "aud", "gpu", "blf", "bmesh", "imbuf", "pxr"}
# How files with machine code end on each platform.
SUFFIXES = {"linux-x64": ("so",), "windows-x64": ("pyd", "dll"), "macos-arm64": ("so", "dylib")}
# What a bake imports inside functions of the wheels, where reading does not follow; tests/test_package.py finds them.
LATE = ("torch.utils._device",)


@dataclass(frozen=True)
class Module:
    """A module of a wheel: ``name`` in dots; ``source`` None for one in machine code."""

    name: str
    wheel: str
    file: str
    source: bytes | None

    @property
    def is_package(self) -> bool:
        return self.file.endswith("/__init__.py")


def modules_of(wheel: Path) -> Iterator[Module]:
    """Every module that a wheel installs."""
    with zipfile.ZipFile(wheel) as archive:
        for file in archive.namelist():
            place = re.sub(r"^[^/]+\.data/(purelib|platlib)/", "", file)
            if place.endswith(".py"):
                name = place.removesuffix(".py").removesuffix("/__init__")
                yield Module(name.replace("/", "."), wheel.name, file, archive.read(file))
            elif match := re.fullmatch(r"([\w/]+)(\.[\w-]+)*\.(so|pyd)", place):
                yield Module(match[1].replace("/", "."), wheel.name, file, None)


def imports_at_load(module: Module, target: Target) -> Iterator[tuple[str, bool]]:
    """Modules that are imported while a module loads, and whether it fails without: no ImportError is caught.

    Where the target's system decides a branch only that one counts.
    """
    base = module.name.split(".") if module.is_package else module.name.split(".")[:-1]

    def walk(body: Iterable[ast.stmt], needed: bool) -> Iterator[tuple[str, bool]]:
        for node in body:
            if isinstance(node, ast.Import):
                yield from ((alias.name, needed) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                start = base[: len(base) - node.level + 1] if node.level else []
                name = ".".join([*start, *([node.module] if node.module else [])])
                yield name, needed
                # a name may be a module of its own; where there is none it is an attribute
                yield from ((f"{name}.{alias.name}", False) for alias in node.names)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            elif isinstance(node, ast.If):
                taken = decided(node.test, target)
                if taken is not False:
                    yield from walk(node.body, needed and taken is True)
                if taken is not True:
                    yield from walk(node.orelse, needed and taken is False)
            elif isinstance(node, ast.Try):
                caught = " ".join(ast.unparse(handler.type) if handler.type else "" for handler in node.handlers)
                optional = not node.handlers or re.search(r"Import|ModuleNotFound|Exception|^$", caught)
                yield from walk(node.body, needed and not optional)
                for part in (*(handler.body for handler in node.handlers), node.orelse, node.finalbody):
                    yield from walk(part, False)
            elif isinstance(node, ast.With | ast.For | ast.While | ast.ClassDef):
                yield from walk(node.body, needed)

    return walk(ast.parse(module.source or b"").body, True)


def decided(test: ast.expr, target: Target) -> bool | None:
    """Whether a condition holds on the target, None where its system does not decide that."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = decided(test.operand, target)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        parts = {decided(part, target) for part in test.values}
        decisive = isinstance(test.op, ast.Or)
        return decisive if decisive in parts else None if None in parts else not decisive
    text = ast.unparse(test)
    if text in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        return False
    for place, value in (("sys.platform", target.system), ("os.name", "nt" if target.system == "win32" else "posix")):
        with suppress(ValueError):  # compared with what is no plain text
            if isinstance(test, ast.Call) and text.startswith(f"{place}.startswith("):
                return value.startswith(ast.literal_eval(test.args[0]))
            if isinstance(test, ast.Compare) and len(test.ops) == 1 and ast.unparse(test.left) == place:
                other = ast.literal_eval(test.comparators[0])
                if isinstance(test.ops[0], ast.Eq | ast.NotEq):
                    return (value == other) is isinstance(test.ops[0], ast.Eq)
                if isinstance(test.ops[0], ast.In | ast.NotIn):
                    return (value in other) is isinstance(test.ops[0], ast.In)
    return None


def product_imports() -> set[str]:
    """What the product's own files import of others, wherever in them; training is not in the zip."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        if "training" in path.relative_to(PACKAGE).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(str(node.module))
                found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


@dataclass(frozen=True)
class Reach:
    """What a bake loads from a zip's wheels: ``modules`` by name; ``missing``: (module, who imports it)."""

    modules: dict[str, Module]
    missing: list[tuple[str, str]]


def reach(wheels: Iterable[Path], target: Target, elsewhere: Iterable[str] = ()) -> Reach:
    """Follow the imports from the product's own through the wheels, as they happen while modules load on ``target``.

    elsewhere: top-level modules that are no part of the zip, because the Python it is for has them.
    """
    outside = {*sys.stdlib_module_names, *BLENDERS_OWN, *elsewhere}
    known: dict[str, Module] = {}
    for wheel in wheels:
        for module in modules_of(wheel):
            known.setdefault(module.name, module)
    reached: dict[str, Module] = {}
    waiting = sorted(product_imports())
    # the product's "from x import name": x must be there, name may be anything in it
    tops = {name.partition(".")[0] for name in known}
    waiting += [name for name in LATE if name in known]
    missing = {(name, "the product") for name in waiting if name.partition(".")[0] not in tops | outside}
    while waiting:
        parts = waiting.pop().split(".")
        # a module's packages load before it
        for name in (".".join(parts[:count]) for count in range(1, len(parts) + 1)):
            if name not in known or name in reached:
                continue
            reached[name] = known[name]
            for imported, needed in imports_at_load(known[name], target):
                if needed and imported.partition(".")[0] not in outside and not resolves(imported, known):
                    missing.add((imported, name))
                waiting.append(imported)
    return Reach(reached, sorted(missing))


def resolves(name: str, known: dict[str, Module]) -> bool:
    """Whether a module is in the wheels; one in machine code makes others below it that no file shows."""
    parts = name.split(".")
    above = [".".join(parts[:count]) for count in range(1, len(parts))]
    return name in known or any(part in known and known[part].source is None for part in above)


def check_contents(wheels: list[Path], target: Target, elsewhere: Iterable[str] = ()) -> Reach:
    """Refuse wheels that do not fit the target or lack a module that a bake imports; ``elsewhere`` as :func:`reach`."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            about = next(name for name in names if re.fullmatch(r"[^/]+\.dist-info/WHEEL", name))
            tags = re.findall(r"(?m)^Tag: (\S+)", archive.read(about).decode())
        if not target.fits(wheel.name) or not any(target.fits(f"x-1-{tag}.whl") for tag in tags):
            raise BuildError(f"{wheel.name} is not for {target}; its tags are {', '.join(tags)}")
        foreign = [name for name in names if not right_machine_code(name, target)]
        if foreign:
            raise BuildError(f"{wheel.name} holds {foreign[0]}, which is not for {target}")
    found = reach(wheels, target, elsewhere)
    if found.missing:
        module, importer = found.missing[0]
        more = f" and {len(found.missing) - 1} more" if len(found.missing) > 1 else ""
        raise BuildError(f"the zip for {target} lacks {module}, which {importer} imports{more}")
    return found


def right_machine_code(file: str, target: Target) -> bool:
    """Whether a library or extension module is of the target's system and Python; other files are right."""
    library = re.search(r"\.(so(?:\.[\d.]+)?|pyd|dll|dylib)$", file)
    if library is None:
        return True
    if library[1].partition(".")[0] not in SUFFIXES[target.platform]:
        return False
    tag = re.search(r"\.(?:cpython-|cp)(\d)(\d+)", file)
    return tag is None or f"{tag[1]}.{tag[2]}" == target.python
