"""Pictures of a training."""

from pathlib import Path

import numpy as np

from ..files import whole_file


def plot_history(history: dict[str, list[float]], path: str | Path) -> Path:
    """Loss terms over the steps as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for name, values in history.items():
        if name != "step":
            axes.plot(history["step"], np.maximum(values, 1e-9), label=name)
    axes.set(xlabel="step", ylabel="weighted term", yscale="log", title="Fusion training")
    axes.legend(fontsize=7)
    with whole_file(path) as stream:
        figure.savefig(stream, format="png", dpi=110)
    return Path(path)
