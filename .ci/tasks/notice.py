"""NOTICE: the licence of everything in a zip, from the wheels' own metadata and what the assets were made from."""

import email
import re
import zipfile
from pathlib import Path

from .common import PACKAGE, BuildError

HEAD = """Blendshape Talker
GPL-3.0-or-later; the text is in LICENSE. Its source is this folder.

"""


def text(wheels: list[Path]) -> str:
    """The whole notice; :class:`BuildError` for a wheel that does not say its licence."""
    assets = (PACKAGE / "assets" / "NOTICE").read_text(encoding="utf-8")
    return HEAD + assets + "".join(of_wheel(wheel) for wheel in wheels)


def of_wheel(wheel: Path) -> str:
    """One wheel: name, version, licence, where it comes from, and the text of its licence."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        about = next(name for name in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        metadata = email.message_from_bytes(archive.read(about))
        folder = about.removesuffix("METADATA")
        found = [name for name in names if re.search(r"(?i)(^|/)(licen[cs]e|copying|notice)[^/]*(?<!\.py)$", name)]
        # licences of what a library has built in lie below it; they are named, their texts are in the wheel
        main = [name for name in found if re.fullmatch(r"(licenses/)?[^/]+", name.removeprefix(folder))]
        texts = [archive.read(name).decode("utf-8", "replace").strip() for name in main]
    licence = licence_of(metadata)
    if not licence:
        raise BuildError(f"{wheel.name} does not say its licence; it must not go into the zip")
    lines = ["=" * 78, f"{metadata['Name']} {metadata['Version']}", f"Licence: {licence}"]
    pages = [metadata["Home-page"], *(value.partition(",")[2].strip() for value in metadata.get_all("Project-URL", []))]
    lines += [f"From: {page}" for page in pages[:2] if page][:1]
    others = [name for name in found if name not in main]
    if others:
        lines.append(f"{len(others)} licences of what it has built in are files of the wheel, {others[0]} the first.")
    return "\n".join([*lines, "", *texts, "", ""])


def licence_of(metadata) -> str:
    """A wheel's licence in words: its SPDX expression, else its field or its classifiers."""
    if metadata["License-Expression"]:
        return str(metadata["License-Expression"])
    classified = [value for value in metadata.get_all("Classifier", []) if value.startswith("License ::")]
    field = (metadata["License"] or "").strip()
    if field and "\n" not in field and field.upper() != "UNKNOWN":
        return str(field)
    return ", ".join(value.rpartition(" :: ")[2] for value in classified)
