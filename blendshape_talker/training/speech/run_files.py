"""What a run of `train speech` leaves beside its weights: the state to go on from, losses and their curves."""

import json
import pickle
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import TalkerError
from ...files import whole_file
from ...speech.network import FPS

if TYPE_CHECKING:
    from .settings import TrainingSettings


def save_state(path: Path, settings: "TrainingSettings", source: str, step: int, history: list, *parts) -> None:
    """``source``: of what the run learns, so that another one does not go on from here; ``parts`` have a state_dict."""
    import torch

    content = {"settings": asdict(settings), "source": source, "step": step, "history": history}
    with whole_file(path) as stream:
        torch.save({**content, "parts": [part.state_dict() for part in parts]}, stream)


def resume(path: Path, settings: "TrainingSettings", source: str, *parts) -> tuple[int, list]:
    """(next step, history) of an interrupted run, whose state ``parts`` get; (0, []) when there is none.

    :class:`TalkerError` for the state of a run with other settings, or on something else, and for a damaged one.
    """
    import torch

    if not path.exists():
        return 0, []
    try:
        stored = torch.load(path, weights_only=True)
        same = replace(settings, **{**stored["settings"], "steps": settings.steps}) == settings
        if not same or stored.get("source", source) != source:
            raise TalkerError(f"{path}: belongs to a run with other settings or data; delete it or name another output")
        for part, state in zip(parts, stored["parts"], strict=True):
            part.load_state_dict(state)
        return int(stored["step"]), list(stored["history"])
    except TalkerError:
        raise
    except (OSError, EOFError, RuntimeError, LookupError, TypeError, ValueError, pickle.UnpicklingError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise TalkerError(f"{path}: cannot go on from it ({reason}); delete it or name another output") from error


def write_history(out: Path, settings: "TrainingSettings", history: list[dict[str, float]]) -> None:
    """The losses of the run that writes ``out``: as JSON, and as a picture."""
    with whole_file(out.with_suffix(".json")) as stream:
        stream.write(json.dumps({"settings": asdict(settings), "history": history}, indent=1).encode())
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    FigureCanvasAgg(figure)
    terms, figures = figure.subplots(1, 2)
    steps = [entry["step"] for entry in history]
    for name in ("total", "position", "gap", "velocity", "liveliness", "parted", "validation"):
        if name in history[-1]:
            terms.plot(steps, [entry[name] for entry in history], label=name)
    terms.set(xlabel="step", ylabel="loss (mm)", yscale="log", title="Loss")
    terms.legend()
    for name in ("gap_correlation", "closed_frames_kept", "jitter"):
        if name in history[-1]:
            figures.plot(steps, [entry[name] for entry in history], label=name.replace("_", " "))
    figures.set(xlabel="step", title=f"Validation speakers, {FPS} fps", ylim=(0, 1.3))
    figures.legend()
    with whole_file(out.with_suffix(".png")) as stream:
        figure.savefig(stream, format="png", dpi=110)
