"""A take's Actions, which are what takes long in writing it: made a little at a time beforehand, or when asked for."""

import time
from collections.abc import Sequence

import bpy

from . import cues
from .draft import Draft, remove_leftovers
from .find import find_line, says
from .marks import key_names
from .names import short_names
from .shapes import value_path
from .take import Take


class Drafts:
    """The Actions of ``take`` on ``target`` as they will be, unless hands change the head meanwhile.

    Each is known by its layer, a cue's by its place among the take's.
    """

    def __init__(self, target: bpy.types.Object, take: Take) -> None:
        remove_leftovers()
        keys, own = target.data.shape_keys, key_names(target.data.shape_keys)
        names = [own.get(name, short) for name, short in zip(take.names, short_names(take.names), strict=True)]
        paths = [value_path(name) for name in names]
        line = find_line(keys, take.recording, take.start_frame)
        first = int(line.record["first"]) if line else take.start_frame
        stay = line is not None and says(line, take.recording) and cues.are_kept(line, cues.Asked.of(take.about))
        self._owner, self._take, self._layers = target.name, take, take.layers()
        self._drafts: dict[str | int, Draft] = {}
        for layer, (columns, _) in self._layers.items():
            self._drafts[layer] = self._new(layer, [paths[column] for column in columns], first)
        for number in range(0 if stay else len(take.cues)):
            self._drafts[number] = self._new(number, paths[take.speech_count :], first)

    def write(self, seconds: float) -> float:
        """Go on for about ``seconds``; the share of all that is there then, 0 … 1."""
        end, drafts = time.perf_counter() + seconds, list(self._drafts.values())
        for draft in drafts:
            while draft.written < draft.size:
                draft.step()
                if time.perf_counter() >= end:
                    return sum(draft.written for draft in drafts) / sum(draft.size for draft in drafts)
        return 1.0

    def take_out(self, which: str | int, paths: Sequence[str], first: int) -> Draft:
        """The draft of a layer or cue for shape keys of these ``paths`` and an Action that begins at ``first``."""
        wanted, found = self._new(which, paths, first), self._drafts.pop(which, None)
        if found is None:
            return wanted
        if (found.paths, found.first) == (wanted.paths, wanted.first):
            return found
        found.discard()
        return wanted

    def discard(self) -> None:
        """Take away all that nobody took out."""
        for draft in self._drafts.values():
            draft.discard()

    def _new(self, which: str | int, paths: Sequence[str], first: int) -> Draft:
        if isinstance(which, int):
            cue = self._take.cues[which]
            return Draft(self._owner, "Expression", paths, first + cue.first, cue.weights, moving=True, noted=True)
        noted, weights = which in ("speech", "expression"), self._layers[which][1]
        return Draft(self._owner, which.capitalize(), paths, first, weights, moving=not noted, noted=noted)
