"""A pointer and a keyboard in real Blender: finds a button of the sidebar by hovering, presses it, picks from its menu,
types paths into a file browser. Nothing of a scene is set from Python; what happened is only read there.

Needs `bgui` (see first_five_minutes.py). All that presses something is a generator for Blender's event loop:
`yield from` it. What only reads what Blender holds stands first.
"""

import importlib

import bgui
import bpy

STEP = 9  # pixels between two looks at the sidebar; a button is 20 high
RECORDING = next((path for path in bgui.FILES if path.endswith((".flac", ".wav", ".ogg", ".mp3"))), "")
ADDON = next(name for name in bpy.context.preferences.addons.keys() if name.endswith("blendshape_talker"))
_found: dict[str, tuple[int, int]] = {}


def module(path):
    """A module of the add-on by its path inside the package (``blender.networks``)."""
    return importlib.import_module(f"{ADDON}.{path}")


def settings():
    return bpy.context.scene.blendshape_talker


def progress():
    return bpy.context.window_manager.blendshape_talker


def is_baked():
    target = settings().target
    return target is not None and target.data.shape_keys is not None


def strips(track, owner=None):
    """Strips of the NLA tracks whose names begin so, of the head's shape keys or an object."""
    owner = owner or (settings().target and settings().target.data.shape_keys)
    tracks = owner.animation_data.nla_tracks if owner and owner.animation_data else ()
    return [strip for item in tracks if item.name.startswith(track) for strip in item.strips]


def curves_of(action):
    """F-curves of an Action, with slots or as Blender 4.3 knows it; none of none."""
    if not hasattr(action, "layers"):
        return list(action.fcurves) if action else []
    bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
    return [curve for bag in bags for curve in bag.fcurves]


def until(happened, seconds, what):
    """Let Blender run until ``happened()``."""
    for _ in range(int(seconds / 0.1)):
        yield 0.1
        if happened():
            return
    raise AssertionError(f"{what} did not happen within {seconds} s")


def point_at(x, y):
    bgui.xdo("mousemove", int(x) - 2, int(y), "sleep", 0.05, "mousemove", int(x), int(y))
    yield 0.2


def click(x, y, button=1):
    bgui.click(int(x), int(y), button)
    yield 1.6


def keys(*names):
    """Press keys by their X names, one after another."""
    bgui.xdo("key", "--delay", 150, *names)
    yield 0.5 + 0.2 * len(names)


def text(words):
    bgui.xdo("type", "--delay", 25, words)
    yield 0.8 + 0.05 * len(words)


def middle_of_view():
    area = bgui.area()
    return bgui.screen_xy(area.x + 0.4 * area.width, area.y + 0.5 * area.height)


def open_tab(name):
    """Open the sidebar with N and press its tabs until the one is in front."""
    yield from point_at(*middle_of_view())
    if bgui.region("UI").width <= 1:
        yield from keys("n")
    for number in range(20):
        region = bgui.region("UI")
        if region.active_panel_category == name:
            return
        scale = bpy.context.preferences.system.ui_scale
        yield from click(
            *bgui.screen_xy(region.x + region.width - 8, region.y + region.height - (20 + 22 * number) * scale)
        )
    raise AssertionError(f"the sidebar has no tab {name}")


def open_talker():
    yield 1.0
    bpy.context.preferences.view.filebrowser_display_type = "SCREEN"  # without a window manager windows lie about
    yield from open_tab("Talker")


def undo(undone):
    yield from point_at(*middle_of_view())
    yield from keys("ctrl+z")
    yield from until(undone, 15, "the undo")


def under_the_pointer(kind="UI"):
    """Name of the button under the pointer: its operator as Python calls it, or the last part of its property's path.

    Blender tells it as it does for a person: by copying the button's command or path.
    """
    window = bgui.window()
    manager = bpy.context.window_manager
    with bpy.context.temp_override(window=window, screen=window.screen, area=bgui.area(), region=bgui.region(kind)):
        for operator, options in (
            (bpy.ops.ui.copy_python_command_button, {}),
            (bpy.ops.ui.copy_data_path_button, {"full_path": True}),
        ):
            if operator.poll():
                manager.clipboard = ""
                operator(**options)
                found = manager.clipboard
                return found if "(" in found else f"property {found.rpartition('.')[2]}"
    return ""


def matches(name, found):
    return name in found if "(" in name else found in (f"property {name}", f"bpy.ops.blendshape_talker.{name}()")


def find(name, share=0.75):
    """Place of a button: an operator (``bake``), its call (``export(filename_ext=".fbx"``) or a property (``emotion``).

    Found by hovering down the sidebar at a share of its width, so it works wherever the panel draws it.
    """
    if name in _found:
        yield from point_at(*_found[name])
        if matches(name, under_the_pointer()):
            return _found[name]
    for wheel in (None, 5, 4):  # what lies below the fold, or above it
        if wheel:
            yield from scroll(wheel)
        region = bgui.region("UI")
        for aside in (share, 0.25, 0.5, 0.92):
            for down in range(4, region.height, STEP):
                x, y = bgui.screen_xy(region.x + aside * (region.width - 22), region.y + region.height - down)
                bgui.xdo("mousemove", x, y)
                yield 0.15
                if not matches(name, under_the_pointer()):
                    continue
                for inside in (5, 0):  # well inside; and once more, as Blender may have told of the place before
                    yield from point_at(int(x), int(y) + inside)
                    if matches(name, under_the_pointer()):
                        _found[name] = int(x), int(y) + inside
                        return _found[name]
    bgui.shot(f"without {name}".replace("/", "_"))
    raise AssertionError(f"the sidebar has no button {name}")


def scroll(wheel):
    """Scroll the sidebar to its end (wheel 5) or its beginning (4)."""
    region = bgui.region("UI")
    yield from point_at(*bgui.screen_xy(region.x + 0.5 * region.width, region.y + 0.5 * region.height))
    bgui.xdo("click", "--repeat", 20, "--delay", 30, wheel)
    yield 2.5
    _found.clear()


def press(name, happened, what="", seconds=6, tries=3):
    """Click a button of the sidebar until ``happened()``; a click can be lost while Blender redraws."""
    for remaining in reversed(range(tries)):
        x, y = yield from find(name)
        yield from click(x, y)
        try:
            yield from until(happened, seconds, what or f"the click on {name}")
            return
        except AssertionError:
            if not remaining:
                raise


def unfold(name, below):
    """Open the closed panel that holds the button ``name``; its header lies somewhere below the button ``below``."""
    yield from scroll(5)
    x, y = yield from find(below)
    region = bgui.region("UI")
    left = region.x + 0.3 * region.width
    lowest = bgui.screen_xy(region.x, region.y)[1]
    for down in range(14, min(340, lowest - y), 12):
        yield from point_at(left, y + down)
        if under_the_pointer():
            continue
        yield from click(left, y + down)
        for further in range(14, 140, STEP):
            for share in (0.3, 0.7):
                yield from point_at(region.x + share * (region.width - 22), y + down + further)
                if matches(name, under_the_pointer()):
                    return
        if y + down > lowest - 34:  # the last header: what it opens lies below the fold
            yield from scroll(5)
            yield from find(name)
            return
        yield from click(left, y + down)
    bgui.shot(f"still folded {name}".replace("/", "_"))
    raise AssertionError(f"no header below {below} opens to {name}")


def type_into(name, words):
    """Double-click a number or text field, type, confirm."""
    x, y = yield from find(name)
    bgui.xdo("mousemove", x, y, "sleep", 0.3, "click", "--repeat", 2, "--delay", 80, 1)
    yield 1.0
    yield from keys("ctrl+a")
    yield from text(words)
    yield from keys("Return")
    yield 0.5


def file_browser():
    return next((area for area in bgui.window().screen.areas if area.type == "FILE_BROWSER"), None)


def choose_file(path, picture=None):
    """Go to a file's folder and name it in the open file browser by keyboard, then press its button."""
    folder, _, name = str(path).rpartition("/")
    yield from until(lambda: file_browser() is not None, 20, "the file browser")
    yield 1.5
    space = file_browser().spaces.active
    header = next(region for region in file_browser().regions if region.type == "UI")
    execute = next(region for region in file_browser().regions if region.type == "EXECUTE")
    folder_field = bgui.screen_xy(header.x + 0.4 * header.width, header.y + 0.5 * header.height)
    name_field = bgui.screen_xy(execute.x + 0.3 * execute.width, execute.y + 0.5 * execute.height)
    for place, words, done in (
        (folder_field, folder + "/", lambda: space.params.directory.decode().rstrip("/") == folder),
        (name_field, name, lambda: space.params.filename == name),
    ):
        for _ in range(3):
            if done():
                break
            bgui.xdo("mousemove", *place, "sleep", 0.3, "click", "--repeat", 2, "--delay", 80, 1)
            yield 1.0
            yield from keys("ctrl+a")
            yield from text(words)
            yield from keys("Return")
            yield 1.0
            if file_browser() is None:
                return
        assert done(), f"{words} was typed, {space.params.directory} {space.params.filename} is there"
    if picture:
        bgui.shot(picture)
    button = bgui.screen_xy(execute.x + execute.width - 60, execute.y + 0.5 * execute.height)
    for _ in range(3):
        yield from click(*button)
        if file_browser() is None:
            break
        yield 2.0
    yield from until(lambda: file_browser() is None, 60, "the end of the file browser")
    yield 1.0


def open_recording(picture=None):
    yield from press("open_recording", lambda: file_browser() is not None)
    yield from choose_file(RECORDING, picture)


def job_ends():
    yield from until(lambda: not progress().running, 400, "the end of the job")
    yield 2.0


def tick(row, read):
    """Click the switch in a row beside the files of the open file browser until ``read()`` tells another value."""
    yield from until(lambda: file_browser() is not None, 20, "the file browser")
    yield 1.5
    region, scale, before = bgui.region("TOOL_PROPS", file_browser()), bpy.context.preferences.system.ui_scale, read()
    for aside in (0.06, 0.45, 0.52):
        place = bgui.screen_xy(region.x + aside * region.width, region.y + region.height - (20 + 26 * row) * scale)
        yield from click(*place)
        if read() != before:
            return
    bgui.shot("without a switch")
    raise AssertionError(f"nothing that can be switched in row {row} beside the files")


def open_and_click(menu, item, happened, seconds=3.0):
    """Click a menu's button and then, where the menu lies, an item; True as soon as ``happened()``."""
    moves = []
    for x, y in (menu, item):
        moves += ["mousemove", int(x) - 3, int(y), "sleep", 0.15, "mousemove", int(x), int(y), "sleep", 0.35]
        moves += ["mousedown", 1, "sleep", 0.1, "mouseup", 1, "sleep", 0.5]
    bgui.xdo(*moves)
    yield 2.2
    for _ in range(int(seconds / 0.2)):
        if happened():
            return True
        yield 0.2
    return False


def pick_every(name, read, wanted, picture=None):
    """Pick every item of a menu by the pointer; ``read()`` tells what is chosen. Returns name -> place of its item.

    Where Blender draws the items is found by trying: the menu opens at its button, in columns.
    """
    scale = bpy.context.preferences.system.ui_scale
    x, y = yield from find(name)
    if picture:
        yield from click(x, y)
        bgui.shot(picture)
        yield from keys("Escape")
    picked = {}
    for attempt in range(4):  # what was chosen already, and a click that was lost or late, are seen another time
        for across in (0, 130 * scale, -130 * scale):
            misses = 0
            for row in [*range(2, 20), *range(-2, -20, -1)]:
                here, there = x + across, y + (20 * row + 10) * scale
                if set(wanted) <= set(picked):
                    return picked
                if not 30 < there < bgui.window().height - 10 or (not attempt and (here, there) in picked.values()):
                    continue
                column = [place[1] for place in picked.values() if place[0] == here]
                if misses > 1 and not min(column, default=0) < there < max(column, default=0):
                    continue
                before = read()
                if (yield from open_and_click((x, y), (here, there), lambda before=before: read() != before)):
                    picked[read()] = here, there
                    misses = 0
                    print("picked", read(), flush=True)
                else:
                    yield from keys("Escape")
                    misses += 1
    return picked


def pick(name, place, read, wanted):
    """Pick an item whose place :func:`pick_every` found."""
    for _ in range(3):
        if read() == wanted:
            return
        menu = yield from find(name)
        yield from open_and_click(menu, place, lambda: read() == wanted)
    raise AssertionError(f"picked {wanted}, {read()} is chosen")
