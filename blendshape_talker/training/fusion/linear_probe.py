"""Linear probes: how well a linear classifier tells a label from a few numbers; what it cannot tell is not in them."""

import numpy as np

SLIDER_STEP = 0.01  # what a slider shows and an animator sees; a residue below half of it is no information


def probe_accuracy(
    seen: np.ndarray, seen_labels: np.ndarray, asked: np.ndarray, asked_labels: np.ndarray, step: float = SLIDER_STEP
) -> float:
    """Balanced accuracy in percent of a linear discriminant that has learnt ``seen`` (N, K), on ``asked`` (M, K).

    Balanced: the mean over the labels of the share found, so that guessing gives :func:`chance` however often each
    label occurs. The numbers are rounded to steps of ``step`` first: a classifier that scales its inputs would find a
    label in traces that nobody could see. All labels are given the same prior.
    """
    seen, asked = (np.round(np.asarray(numbers, np.float64) / step) for numbers in (seen, asked))
    labels, which = np.unique(seen_labels, return_inverse=True)
    means = np.stack([seen[which == index].mean(axis=0) for index in range(len(labels))])
    spread = seen - means[which]
    covariance = spread.T @ spread / len(seen) + np.eye(seen.shape[1]) / 12.0  # the variance of the rounding itself
    slopes = np.linalg.solve(covariance, means.T)
    found = labels[(asked @ slopes - 0.5 * (means.T * slopes).sum(axis=0)).argmax(axis=1)]
    return float(100.0 * np.mean([(found[asked_labels == label] == label).mean() for label in np.unique(asked_labels)]))


def chance(seen_labels: np.ndarray) -> float:
    """Percent that guessing among the labels finds."""
    return 100.0 / len(np.unique(seen_labels))
