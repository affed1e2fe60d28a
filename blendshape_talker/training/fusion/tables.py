"""The columns of ``evaluate fusion`` and its tables as text."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

COLUMNS: dict[str, str] = {
    "closures_mean": "closures kept, mean of the emotions, %",
    "closures_worst": "closures kept, worst emotion, %",
    "bitten_mean": "/f v/ kept: lower against upper lip, mean of the emotions, %",
    "bitten_worst": "/f v/ kept: lower against upper lip, worst emotion, %",
    "teeth_mean": "/f v/ kept: lower lip at the upper teeth, mean of the emotions, %",
    "teeth_worst": "/f v/ kept: lower lip at the upper teeth, worst emotion, %",
    "opening_mean": "opening of the mouth in silence, of what emotions want, mean, %",
    "opening_worst": "opening of the mouth in silence, worst emotion, %",
    "jump_worst": "second difference of the gap, of that of speech alone, worst emotion",
    "upper_face_kept": "expression kept in the upper face, %",
    "corners_kept": "expression kept at the mouth corners, %",
    "speech_error": "reconstruction of speech, primary weights, lips, mm",
    "expression_error": "reconstruction of expressions, all weights, face, mm",
    "noisy_error": "speech with 0.2 mm of noise on the input, primary weights, lips, mm",
    "lve_before": "LVE of the speech network before fusion, mm",
    "lve_after": "LVE after fusion, mm",
    "lve_rise": "difference, mm",
    "speech_leak": "speech moves brows and lids, mm",
    "expression_leak": "expression moves the lips apart, mm",
    "speech_cross": "speech that cross-domain weights explain (dropped), face, mm",
    "expression_cross": "expression that cross-domain weights explain (dropped), face, mm",
    "phone_probe": "phone told by a linear probe from w_E of speech, %",
    "phone_own": "    from w_A of speech, %",
    "phone_chance": "    by guessing, %",
    "emotion_probe": "emotion told by a linear probe from w_A of expressions, %",
    "emotion_own": "    from w_E of expressions, %",
    "emotion_chance": "    by guessing, %",
    "weights_outside": "weights of test speech and emotions outside -1 ... 1, %",
    "likeness_within": "cosine of the two blendshapes most alike, within a set",
    "likeness_across": "cosine of the two blendshapes most alike, one of either set",
    "roughness": "roughness of the blendshapes, % of their size",
    "frames_per_second": "frames a second through an encoder",
}

SHORT_COLUMNS: dict[str, tuple[str, int]] = {  # of the ablations' table: heading, decimals
    "closures_mean": ("closures", 1),
    "closures_worst": ("worst", 1),
    "teeth_mean": ("teeth", 1),
    "opening_mean": ("opening", 1),
    "corners_kept": ("corners", 1),
    "speech_error": ("speech", 4),
    "noisy_error": ("noisy", 4),
    "expression_error": ("expression", 3),
    "lve_rise": ("LVE rise", 4),
    "speech_leak": ("brows", 4),
    "expression_leak": ("lips", 3),
    "phone_probe": ("phone", 1),
    "emotion_probe": ("emotion", 1),
    "roughness": ("rough", 2),
}


@dataclass(frozen=True)
class Measured:
    """columns: the keys of COLUMNS (NaN where a column does not apply); by emotion, %: closures kept, lower lip kept at
    the teeth, opening kept in silence, where an emotion wants one."""

    columns: dict[str, float]
    closures: dict[str, float]
    teeth: dict[str, float] = field(default_factory=dict)
    opening: dict[str, float] = field(default_factory=dict)


def ablation_table(results: Mapping[str, Measured]) -> str:
    """Systems as rows and the columns that an ablation can hurt, in few characters."""
    width = max(len(name) for name in results) + 2
    cells = [max(8, len(text) + 2) for text, _ in SHORT_COLUMNS.values()]
    texts = [text for text, _ in SHORT_COLUMNS.values()]
    lines = [" " * width + "".join(f"{text:>{cell}}" for text, cell in zip(texts, cells, strict=True))]
    for name, result in results.items():
        figures = [
            f"{'-':>{cell}}" if np.isnan(result.columns[key]) else f"{result.columns[key]:>{cell}.{digits}f}"
            for (key, (_, digits)), cell in zip(SHORT_COLUMNS.items(), cells, strict=True)
        ]
        lines.append(f"{name:<{width}}" + "".join(figures))
    return "\n".join(lines)


def format_table(results: Mapping[str, Measured]) -> str:
    """Systems as columns, measures and emotions as rows."""
    names = list(results)
    width = max(len(text) for text in COLUMNS.values()) + 2
    cell = max(11, *(len(name) + 2 for name in names))
    lines = [" " * width + "".join(f"{name:>{cell}}" for name in names)]
    for key, text in COLUMNS.items():
        lines.append(f"{text:<{width}}" + "".join(_cell(results[name].columns[key], cell) for name in names))
    for attribute, title in (("closures", "closures"), ("teeth", "/f v/ at the teeth"), ("opening", "opening")):
        for emotion in getattr(next(iter(results.values())), attribute):
            figures = [getattr(results[name], attribute).get(emotion, float("nan")) for name in names]
            text = f"{title} kept, {emotion}, %"
            lines.append(f"{text:<{width}}" + "".join(_cell(figure, cell) for figure in figures))
    return "\n".join(lines)


def _cell(value: float, width: int) -> str:
    if np.isnan(value):
        return f"{'-':>{width}}"
    return f"{value:>{width}.0f}" if abs(value) >= 1000 else f"{value:>{width}.4g}"
