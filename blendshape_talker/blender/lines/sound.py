"""The sound strip of a line: one strip in the sequencer, found by its mark; all others stay."""

import logging
import os
import tempfile
from pathlib import Path

import bpy

from ...files import plain_text, unfinished
from ..languages.translations import translated
from . import actions
from .marks import MARK, lines_of, read_mark, write_mark
from .versions import all_strips_of, set_strip_time, strip_time, strips_inside, strips_of

logger = logging.getLogger(__name__)

_CHANNELS = 128  # Blender's sequencer has no more
_KEPT = ("channel", "volume", "pan", "mute", "lock", "color_tag", "show_waveform", "select")


def unheard(scene: bpy.types.Scene, uid: str) -> str | None:
    """Why line ``uid``, laid a moment ago, has no sound strip; None where it has one, and in builds without sound."""
    if not bpy.app.build_options.audaspace or sound_of(scene, uid) is not None:
        return None
    return translated("the sequencer has no free channel for the sound; remove a strip there and bake again")


def add_sound(scene: bpy.types.Scene, path: str | os.PathLike[str], frame: int) -> bool:
    """Lay a recording that belongs to no line at ``frame``; False in builds without sound."""
    return _has_sound() and _new_strip(scene, path, frame) is not None


def lay_sound(
    scene: bpy.types.Scene, uid: str, path: str | os.PathLike[str], frame: int, moved: float = 0, former: str = ""
) -> bool:
    """Give line ``uid`` its recording in the sequencer at ``frame``; False in builds without sound.

    A strip that the line has already stays as hands left it and moves by ``moved`` frames; where the recording is
    another, the new strip takes its place, channel, volume, keys and the like. Heads that are copies of each other
    speak to one strip while they say the same; former: the identity that this line shared with its copy.
    """
    if not _has_sound():
        return False
    if former:
        _leave(scene, former, uid, path, frame)
    ours = sound_of(scene, uid)
    if ours is not None and len(_living(scene, _owners(ours))) > 1 and not (_same_file(ours, path) and not moved):
        _own(ours, [owner for owner in _owners(ours) if owner != uid])  # its copy still speaks to it
        ours = None
    if ours is None:
        for left in _all(scene):  # of a line whose strips someone deleted: it says the same, and twice is an echo
            owners = _owners(left)
            if owners and _same_file(left, path) and _start(left) == frame and not _living(scene, owners):
                _own(left, [*owners, uid])
                return True
    pieces = pieces_of(scene, uid) if ours is not None else []
    if ours is not None and _same_file(ours, path):
        for piece in pieces if moved else []:
            set_strip_time(piece, "content_start", strip_time(piece, "content_start") + moved)
        return True
    strip = _new_strip(scene, path, round(strip_time(ours, "content_start") + moved) if ours is not None else frame)
    if strip is None:
        return False
    if ours is not None:
        kept = {name: getattr(ours, name) for name in _KEPT if hasattr(ours, name)}
        _hand_over_keys(scene, ours, strip)
        for piece in pieces:
            remove_strip(scene, piece)
        for name, value in kept.items():
            setattr(strip, name, value)
    _own(strip, [uid])
    return True


def lost_cuts(scene: bpy.types.Scene, uid: str, path: str | os.PathLike[str]) -> str | None:
    """What ``path`` in place of the recording of line ``uid`` takes from its sound: its cuts; None when nothing."""
    pieces = pieces_of(scene, uid)
    if not pieces or _same_file(pieces[0], path) or len(_living(scene, _owners(pieces[0]))) > 1:
        return None
    cut = any(
        strip_time(piece, "left_handle_offset") > 0 or strip_time(piece, "right_handle_offset") > 0 for piece in pieces
    )
    return translated("the cut of sound strip {}").format(pieces[0].name) if cut or len(pieces) > 1 else None


def remove_sound(scene: bpy.types.Scene, uid: str) -> None:
    """Take the sound of line ``uid`` away, unless another line shares it."""
    for strip in [strip for strip in _all(scene) if uid in _owners(strip)]:
        others = _living(scene, [owner for owner in _owners(strip) if owner != uid])
        if others:
            _own(strip, others)
        else:
            remove_strip(scene, strip)


def adopt_old_sound(scene: bpy.types.Scene, uid: str, frame: int) -> None:
    """Let line ``uid`` have the sound strip that version 0.1.0 laid at ``frame``: it was marked as ours, not whose."""
    for strip in _all(scene):
        value = strip.get(MARK)
        if isinstance(value, bool | int) and value and _start(strip) == frame:
            _own(strip, [uid])
            return


def sound_of(scene: bpy.types.Scene, uid: str):
    """The sound strip of line ``uid``, the first of those that someone cut it into; None without."""
    return next(iter(pieces_of(scene, uid)), None)


def pieces_of(scene: bpy.types.Scene, uid: str) -> list:
    """The sound strips of line ``uid`` from the first on: one, or what someone cut it into."""
    ours = (strip for strip in _all(scene) if uid in _owners(strip))
    return sorted(ours, key=lambda strip: strip_time(strip, "left_handle"))


def remove_strip(scene: bpy.types.Scene, strip) -> None:
    """Remove a sound strip, and its sound where nothing else uses it."""
    sound = getattr(strip, "sound", None)
    groups = [item for item in _all(scene) if item.type == "META" and strip in list(strips_inside(item))]
    (strips_inside(groups[0]) if groups else _strips(scene)).remove(strip)
    if sound is not None and sound.users == 0:
        bpy.data.sounds.remove(sound)


def clear(scene: bpy.types.Scene) -> None:
    """Take all sound strips out of a scene that is about to go: it would leave their sounds behind."""
    for strip in [strip for strip in _all(scene) if strip.type == "SOUND"]:
        remove_strip(scene, strip)


def _has_sound() -> bool:
    if not bpy.app.build_options.audaspace:  # bpy 4.2 as a module
        logger.info("this Blender has no sound; no sound strip")
    return bool(bpy.app.build_options.audaspace)


def _new_strip(scene: bpy.types.Scene, path: str | os.PathLike[str], frame: int):
    strips, channel = _strips(scene), _free_channel(scene, frame)
    if channel is None:
        logger.warning("the sequencer has no free channel; no sound strip")
        return None
    path = os.path.abspath(path)
    if plain_text(path) == path:
        strip = strips.new_sound(Path(path).stem, path, channel, frame)
    else:  # new_sound takes text only, a sound's path any bytes
        with unfinished(Path(tempfile.gettempdir())) as folder:
            link = folder / f"sound{Path(plain_text(path)).suffix}"
            link.symlink_to(path)
            strip = strips.new_sound(Path(plain_text(path)).stem, str(link), channel, frame)
            strip.sound.filepath = path
    strip.select = False
    return strip


def _strips(scene: bpy.types.Scene):
    editor = scene.sequence_editor or scene.sequence_editor_create()
    return strips_of(editor)


def _all(scene: bpy.types.Scene) -> list:
    """Every strip, those in meta strips too."""
    editor = scene.sequence_editor
    return [] if editor is None else all_strips_of(editor)


def _hand_over_keys(scene: bpy.types.Scene, former, strip) -> None:
    """Let what is animated about ``former``, its volume for one, be so about ``strip``."""
    data = scene.animation_data
    if data is None:
        return
    found = [data.action, *(item.action for track in data.nla_tracks for item in track.strips)]
    curves = [curve for action in dict.fromkeys(found) if action is not None for curve in actions.curves_of(action)]
    old, new = former.path_from_id(), strip.path_from_id()
    for curve in (*curves, *data.drivers):
        if curve.data_path.startswith(f"{old}."):
            curve.data_path = new + curve.data_path[len(old) :]


def _start(strip) -> int:
    return round(strip_time(strip, "content_start"))


def _owners(strip) -> list[str]:
    mark = read_mark(strip)
    owners = mark.get("lines") if mark else None
    return [owner for owner in owners if isinstance(owner, str)] if isinstance(owners, list) else []


def _own(strip, owners: list[str]) -> None:
    write_mark(strip, {"lines": list(dict.fromkeys(owners))})


def _leave(scene: bpy.types.Scene, former: str, uid: str, path: str | os.PathLike[str], frame: int) -> None:
    """A copy got an identity of its own: it shares the strip on while it says the same at the same frame."""
    strip = sound_of(scene, former)
    if strip is None:
        return
    others = _living(scene, _owners(strip))
    if not others or (_same_file(strip, path) and _start(strip) == frame):
        _own(strip, [*others, uid])


def _living(scene: bpy.types.Scene, owners: list[str]) -> list[str]:
    """Those of ``owners`` that a head of ``scene`` still carries."""
    heads = {item.data for item in scene.objects if item.type == "MESH"}
    alive = {line.uid for mesh in heads for line in lines_of(mesh.shape_keys)}
    return [owner for owner in owners if owner in alive]


def _same_file(strip, path: str | os.PathLike[str]) -> bool:
    sound = getattr(strip, "sound", None)
    if sound is None:
        return False
    return os.path.normcase(os.path.realpath(bpy.path.abspath(sound.filepath))) == os.path.normcase(
        os.path.realpath(path)
    )


def _free_channel(scene: bpy.types.Scene, start: int) -> int | None:
    """A channel of our lines that is free from ``start`` on, else one that nobody uses, else any that is free."""
    strips = list(_strips(scene))
    taken = {strip.channel for strip in strips}
    busy = {strip.channel for strip in strips if strip_time(strip, "right_handle") > start}
    barred = {number for number, item in enumerate(scene.sequence_editor.channels) if item.lock or item.mute}
    ours = {strip.channel for strip in strips if _owners(strip)}
    numbers = range(1, _CHANNELS + 1)
    for allowed in (ours - busy - barred, set(numbers) - taken - barred, set(numbers) - busy):
        if allowed:
            return min(allowed)
    return None
