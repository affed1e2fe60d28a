"""Actions that nobody plays yet, written curve by curve: an hour's keys take seconds, and Blender can live between."""

from collections.abc import Sequence

import bpy
import numpy as np

from . import actions, hand_keys

_DRAFT = "blendshape_talker_draft"  # on an Action that is not finished, or that no line has taken yet


class Draft:
    """The Action of ``owner``'s keys in the making: ``weights`` (T, K) from frame ``first`` on, a curve for each of
    ``paths`` (K,).

    moving: only columns that ever move get one (:func:`actions.write_moving`). noted: with a note of what was baked
    (:mod:`hand_keys`). Blender's own objects are looked up at each step: an undo in between may take them away, and
    then all is written again.
    """

    def __init__(
        self, owner: str, group: str, paths: Sequence[str], first: int, weights: np.ndarray,
        moving: bool = False, noted: bool = False,
    ) -> None:  # fmt: skip
        self.paths, self.first = tuple(paths), first
        self._owner, self._group, self._weights, self._noted = owner, group, weights, noted
        self._columns = actions.moving_columns(weights) if moving else list(range(weights.shape[1]))
        self.size = len(self._columns)  # curves that there will be; ``written`` are there
        self._uid: int | None = None
        self._begin()

    def _begin(self) -> None:
        self.written, self._sum, self._note = 0, actions.Checksum(), hand_keys.Note()

    @property
    def checksum(self) -> str:
        """:func:`actions.checksum` of what is written."""
        return str(self._sum)

    def step(self) -> None:
        """Write the next curve."""
        action = self._find()
        if action is None:
            action = actions.new_action(f"{self._owner[:40]} draft", self._owner)
            action[_DRAFT] = True
            self._uid = action.session_uid
            self._begin()
        if self.written == self.size:
            return
        column = self._columns[self.written]
        frames = self.first + np.arange(len(self._weights))
        curve, points = actions.add_curve(action, self._group, self.paths[column], frames, self._weights[:, column])
        self._sum.add(curve, points)
        if self._noted:
            self._note.add(self.paths[column], points)
        self.written += 1

    def finish(self, name: str) -> bpy.types.Action:
        """Write what is missing and hand the Action over."""
        self.step()
        while self.written < self.size:
            self.step()
        action = self._find()
        if self._noted:
            self._note.leave_on(action)
        action.name = name
        del action[_DRAFT]
        self._uid = None
        return action

    def discard(self) -> None:
        """Take the Action away again, unless it was handed over."""
        action = self._find()
        if action is not None:
            bpy.data.actions.remove(action)

    def _find(self) -> bpy.types.Action | None:
        if self._uid is None:
            return None
        return next((action for action in bpy.data.actions if action.session_uid == self._uid), None)


def remove_leftovers() -> None:
    """Take away drafts that an undo brought back, or that Blender stopped by itself left behind."""
    for action in [action for action in bpy.data.actions if _DRAFT in action and not action.users]:
        bpy.data.actions.remove(action)
