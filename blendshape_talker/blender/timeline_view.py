"""The NLA editor beside the head: after a first bake the emotions on the timeline are in sight."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import bpy

_SHARE = 0.24  # of the 3D view's height for the editor
LEAST, ROOMY = 420, 850  # pixels that the view must be high for it; with which the whole panel stays in sight
_ROWS_ABOVE = 78  # pixels of head, shape keys and Action, which lie above the tracks


def is_open(window: bpy.types.Window) -> bool:
    """True when the window shows an NLA editor."""
    return any(area.type == "NLA_EDITOR" for area in window.screen.areas)


def open_beside(window: bpy.types.Window, least: int = LEAST) -> bool:
    """Show an NLA editor under the largest 3D view; False where one is open, or the view is lower than ``least``.

    Its channels unfold at once, so that the undo step of the calling operator holds them unfolded; all strips come into
    view a moment later, when the editor has its size.
    """
    screen = window.screen
    if is_open(window) or screen.show_fullscreen:
        return False
    views = [area for area in screen.areas if area.type == "VIEW_3D"]
    view = max(views, key=lambda area: area.width * area.height, default=None)
    if view is None or view.height < least * bpy.context.preferences.system.ui_scale:
        return False
    before = set(screen.areas)
    with bpy.context.temp_override(window=window, screen=screen, area=view):
        if bpy.ops.screen.area_split(direction="HORIZONTAL", factor=_SHARE) != {"FINISHED"}:
            return False
    parts = [*(area for area in screen.areas if area not in before), view]
    lower = min(parts, key=lambda area: area.y)
    lower.type = "NLA_EDITOR"
    lower.spaces.active.dopesheet.show_only_selected = False
    lower.spaces.active.show_region_ui = False  # too low to be read, and a quarter of the width; N shows it
    _unfold(window, lower)
    bpy.app.timers.register(lambda: _show_all(window), first_interval=0.4)
    return True


def _unfold(window: bpy.types.Window, area: bpy.types.Area) -> None:
    with suppress(RuntimeError), _in(window, area, "CHANNELS"):
        bpy.ops.anim.channels_expand(all=True)


def _show_all(window: bpy.types.Window) -> None:
    """Unfold the channels and bring every strip into view."""
    for area in window.screen.areas:
        if area.type == "NLA_EDITOR":
            # an editor that somebody closes or changes meanwhile stays as it is
            _unfold(window, area)
            with suppress(RuntimeError), _in(window, area, "WINDOW"):
                bpy.ops.nla.view_all()
                bpy.ops.view2d.pan(deltax=0, deltay=-int(_ROWS_ABOVE * bpy.context.preferences.system.ui_scale))
            area.tag_redraw()


@contextmanager
def _in(window: bpy.types.Window, area: bpy.types.Area, kind: str) -> Iterator[None]:
    region = next(region for region in area.regions if region.type == kind)
    with bpy.context.temp_override(window=window, screen=window.screen, area=area, region=region):
        yield
