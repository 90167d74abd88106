"""Reductions of images to points: ``embed`` is the one way in, each method is one module.

A method is a function ``embed(points, settings, seed, checkpoint)``; its module is imported only
when used.
"""

from __future__ import annotations

from importlib import import_module

import numpy as np

from advlearn.settings.embed import REDUCTIONS, EmbedSettings
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.errors import UserError, unknown_name

_MODULES = {"none": "identity", "pca": "pca", "tsne": "tsne"}


def known() -> list[str]:
    """Names of all reductions."""
    return list(REDUCTIONS)


def embed(
    images: np.ndarray,
    reduction: str,
    settings: EmbedSettings,
    seed: int,
    checkpoint: Checkpoint | None = None,
) -> np.ndarray:
    """Reduce images to points.

    Args:
        images: (n, d), or (n, c, h, w) that is flattened; finite numbers.
        reduction: ``none``, ``pca`` or ``tsne``.
        settings: settings of the reduction.
        seed: seed of the method; pca and none do not use it.
        checkpoint: progress of the job, from which t-SNE resumes.

    Returns:
        (n, k) float32, finite.

    Raises:
        UserError: unknown reduction, NaN, or too few images or pixels for the settings.
    """
    if reduction not in _MODULES:
        raise unknown_name(
            "reduction", reduction, known(), where="configuration key 'selective.grid'"
        )
    if not len(images):
        raise UserError(
            "there are no images to reduce",
            where=f"array of shape {images.shape}",
            remedy="make the training split larger (key 'data')",
        )
    points = images.reshape(len(images), -1)
    bad = _first_non_finite(points)
    if bad is not None:
        raise UserError(
            "an image holds NaN or infinity",
            where=f"image {bad} of {len(points)}",
            remedy="craft the adversarial images again and check the data they come from",
        )
    settings.check_images(reduction, len(points))
    module = import_module(f"advlearn.embeddings.{_MODULES[reduction]}")
    result: np.ndarray = module.embed(points, settings, seed, checkpoint)
    return np.ascontiguousarray(result, dtype=np.float32)


def _first_non_finite(points: np.ndarray, numbers: int = 4_000_000) -> int | None:
    # In blocks: a mask of all pixels of a memory-mapped file would double the memory.
    rows = max(1, numbers // max(points.shape[1], 1))
    for start in range(0, len(points), rows):
        good = np.isfinite(points[start : start + rows]).all(axis=1)
        if not good.all():
            return start + int(np.argmin(good))
    return None
