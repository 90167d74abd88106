"""Reductions of images to points: ``embed`` is the one way in, each method is one module.

A method is a function ``embed(points, settings, seed, checkpoint)``; its module is imported only
when used.
"""

from __future__ import annotations

from importlib import import_module

import numpy as np

from advlearn.settings.embed import REDUCTIONS, EmbedSettings, OwnReduction
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.errors import UserError, unknown_name
from advlearn.support.own import load_own

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
        reduction: ``none``, ``pca``, ``tsne`` or one's own.
        settings: settings of the reduction.
        seed: seed of the method; pca and none do not use it.
        checkpoint: progress of the job, from which t-SNE resumes.

    Returns:
        (n, k) float32, finite.

    Raises:
        UserError: unknown reduction, NaN, too few images or pixels for the settings, or a reduction
            of one's own that returns something else than points.
    """
    own = settings.own.get(reduction)
    if own is None and reduction not in _MODULES:
        raise unknown_name(
            "reduction", reduction, settings.known(), where="configuration key 'selective.grid'"
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
    if own is not None:
        return _embed_own(own, points, seed)
    module = import_module(f"advlearn.embeddings.{_MODULES[reduction]}")
    result: np.ndarray = module.embed(points, settings, seed, checkpoint)
    return np.ascontiguousarray(result, dtype=np.float32)


def _embed_own(own: OwnReduction, points: np.ndarray, seed: int) -> np.ndarray:
    """The points (n, k) of a reduction of the user's own, which gets a copy of the images."""
    where = f"configuration key 'selective.embed.own', function {own.function!r}"
    function = load_own(own.function, "reduction", where)
    found = np.asarray(function(np.array(points), dict(own.settings), seed))
    if found.ndim != 2 or len(found) != len(points) or not found.shape[1]:
        problem = f"an array of shape {found.shape} for {len(points)} images"
    elif not np.issubdtype(found.dtype, np.floating):
        problem = f"numbers of type {found.dtype}"
    elif (bad := _first_non_finite(found.astype(np.float32))) is not None:
        problem = f"NaN or infinity, the first for image {bad}"
    else:
        return np.ascontiguousarray(found, dtype=np.float32)
    raise UserError(
        f"the reduction returned {problem}",
        where=where,
        remedy="return a floating array (n, k) of finite float32 numbers, one row an image",
    )


def _first_non_finite(points: np.ndarray, numbers: int = 4_000_000) -> int | None:
    # In blocks: a mask of all pixels of a memory-mapped file would double the memory.
    rows = max(1, numbers // max(points.shape[1], 1))
    for start in range(0, len(points), rows):
        good = np.isfinite(points[start : start + rows]).all(axis=1)
        if not good.all():
            return start + int(np.argmin(good))
    return None
