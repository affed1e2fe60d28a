"""What panels hand to Blender to draw, read from a layout that writes it down: without a window Blender draws none."""

from types import SimpleNamespace

import bpy
import pytest

from blendshape_talker.blender import animation, joints, motion, scene_io
from blendshape_talker.blender.lines import sound
from blendshape_talker.blender.panels import BakePanel, explain
from blendshape_talker.blender.presence_panel import PresencePanel
from blendshape_talker.face.flame import VERTEX_COUNT


class Layout:
    """Writes down (kind, keywords) of what it is asked to draw; rows and columns write into the same list."""

    def __init__(self):
        self.drawn = []

    def __getattr__(self, kind):
        def draw(*values, **keywords):
            self.drawn.append((kind, {**keywords, "values": values}))
            return self

        return draw

    def all(self, kind):
        return [keywords for drawn, keywords in self.drawn if drawn == kind]


@pytest.fixture
def head(registered, recording, make_take):
    """The demo head, called as no sentence begins, with joints and a line."""
    target = scene_io.add_demo_head(bpy.context)
    target.name = "somebody"
    about = {"recording": str(recording), "name": "tone", "seed": 0, "fps": 24.0}
    written = animation.write_take(target, make_take(VERTEX_COUNT, 36, about=about))
    sound.lay_sound(bpy.context.scene, written.uid, str(recording), 1)
    registered.target, registered.audio = target, str(recording)
    return target


def drawn_by(panel):
    layout = Layout()
    panel.draw(SimpleNamespace(layout=layout), sidebar())
    return layout


def sidebar():
    """A context as wide as Blender opens the sidebar; without a window it has neither region nor scale."""
    system, context = SimpleNamespace(ui_scale=1.0), bpy.context
    return SimpleNamespace(
        scene=context.scene,
        window_manager=context.window_manager,
        preferences=SimpleNamespace(system=system, addons=context.preferences.addons),
        region=SimpleNamespace(width=300),
    )


def test_a_muted_strip_has_a_shut_eye(head):
    icons = bpy.types.UILayout.bl_rna.functions["prop"].parameters["icon"].enum_items
    assert icons["HIDE_OFF"].value - 1 == icons["HIDE_ON"].value, "Blender draws the icon before for a muted strip"
    assert bpy.ops.blendshape_talker.add_joints() == {"FINISHED"} and joints.joints_of(head) is not None
    line = animation.lines(head)[0]
    for muted in (False, True):
        for layer in ("head", "gaze"):
            for _, strip, _ in motion.strips_of(motion.holder_of(head), line.uid, layer):
                strip.mute = muted
        eyes = [item for item in drawn_by(PresencePanel).all("prop") if item["values"][1] == "mute"]
        assert [eye["icon"] for eye in eyes] == ["HIDE_OFF", "HIDE_OFF"]


def test_no_text_of_the_bake_panel_comes_first_where_the_bar_was(head):
    kinds = [kind for kind, _ in drawn_by(BakePanel).drawn]
    assert "label" in kinds and kinds.index("separator") < kinds.index("label")


def test_a_reason_begins_with_a_capital_but_a_name_as_it_is_spelled(head):
    for reason, first in (
        ("they move with the next bake", "They"),
        ("somebody has a mouth already", "somebody"),
        ("somebodys", "Somebodys"),
        ("tone: sound and face are cut differently", "tone:"),
    ):
        layout = Layout()
        explain(layout, sidebar(), reason)
        assert layout.all("label")[0]["text"].split()[0] == first
