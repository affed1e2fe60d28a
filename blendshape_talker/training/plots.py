"""Pictures of a training and of what it works on."""

from pathlib import Path

import numpy as np

from ..face.flame import load_head
from ..files import whole_file
from .geometry.facs import load_facs


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


def plot_geometry_map(facs_path: str | Path, path: str | Path) -> Path:
    """The geometry map (paper, section 3) as a PNG: where each part of the face lies, and three shapes as RGB images.

    In the images of shapes red, green and blue are x, y and z; grey is no motion, full colour the shape's largest one.
    """
    from matplotlib.figure import Figure

    head, facs = load_head(), load_facs(facs_path)
    places = (head.mouth, head.upper_face, np.isin(np.arange(len(head.mouth)), head.lips))
    regions = head.geometry_map.to_image(np.stack(places, axis=1).astype(np.float32))
    pictures = {"mouth, upper face, lips": np.clip(regions, 0, 1)}
    names = [str(name) for name in facs.names]
    for name in ("jawOpen", "mouthSmile_L", "browInnerUp_L"):
        image = head.geometry_map.to_image(facs.deltas[names.index(name)])
        pictures[name] = 0.5 + 0.5 * image / np.abs(image).max()
    figure = Figure(figsize=(12, 3.4), layout="constrained")
    for axes, (name, image) in zip(figure.subplots(1, len(pictures)), pictures.items(), strict=True):
        axes.imshow(image.transpose(1, 2, 0), interpolation="nearest")
        axes.set(title=name, xticks=[], yticks=[])
    with whole_file(path) as stream:
        figure.savefig(stream, format="png", dpi=90)
    return Path(path)
