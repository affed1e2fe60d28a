"""Linear algebra of frames that are weights of a basis: their principal components, and weights of other shapes."""

import numpy as np


def principal_components(curves: np.ndarray, basis: np.ndarray, count: int) -> np.ndarray:
    """(count, V, 3) uncentred principal components of the frames ``curves (N, K) @ basis (K, V, 3)``, times their
    standard deviation; fewer when the frames have a lower rank."""
    flat = basis.reshape(len(basis), -1).astype(np.float64)
    moment = curves.astype(np.float64).T @ curves / len(curves)
    values, vectors = np.linalg.eigh(moment)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    values, vectors = np.linalg.eigh(root @ (flat @ flat.T) @ root)
    order = np.argsort(values)[::-1][:count]
    order = order[values[order] > 1e-7 * values.max()]
    return ((vectors[:, order].T @ root) @ flat).reshape(len(order), *basis.shape[1:])


def fit_weights(curves: np.ndarray, basis: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Least-squares weights (N, S) of ``shapes`` (S, V, 3) for the frames ``curves @ basis``."""
    target, flat = basis.reshape(len(basis), -1), shapes.reshape(len(shapes), -1)
    gram = flat @ flat.T
    ridge = 1e-8 * np.trace(gram) / len(gram) * np.eye(len(gram))
    return curves @ np.linalg.solve(gram + ridge, flat @ target.T).T
