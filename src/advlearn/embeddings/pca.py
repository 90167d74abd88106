"""Principal components (Pearson 1901), by the eigenvectors of the smaller of two matrices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.linalg import eigh
from threadpoolctl import threadpool_limits

from advlearn.settings.embed import EmbedSettings
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.errors import UserError

_BLOCK = 65_536
_BLOCK_NUMBERS = _BLOCK * 784
_FAR = 100.0
"""Squared distance of the mean from the origin, in variances, from which raw moments cancel."""


def embed(
    points: np.ndarray,
    settings: EmbedSettings,
    seed: int,
    checkpoint: Checkpoint | None = None,
) -> np.ndarray:
    """Project (n, d) points on their first ``settings.n_components`` principal components.

    No randomness, the seed is not used, and no progress is kept: it takes seconds. The sign of a
    component is the one that makes its largest loading positive.

    Raises:
        UserError: fewer images or pixels than components.
    """
    if settings.n_components > min(points.shape):
        raise UserError(
            f"{settings.n_components} principal components need as many images and pixels",
            where=f"configuration key 'selective.embed.n_components', {len(points)} images of"
            f" {points.shape[1]} pixels",
            remedy=f"set it to at most {min(points.shape)}",
        )
    return principal_components(points, settings.n_components, settings.pca_threads)


def principal_components(points: np.ndarray, n_components: int, threads: int) -> np.ndarray:
    """Scores (n, n_components) float64 of the first components.

    Double precision and no random projection. The work is that of the smaller side: the
    eigenvectors of the (d, d) covariance, or of the (n, n) scalar products where there are fewer
    points than numbers in a point. A component whose spread is below some 1e-7 of that of the first
    is rounding. Points are read a block at a time, two or three times, so that a file of them that
    is mapped need not fit into memory.
    """
    n, d = points.shape
    with threadpool_limits(threads):
        if n < d:
            return _by_products(points, n_components)
        return _by_covariance(points, n_components)


def _by_covariance(points: np.ndarray, n_components: int) -> np.ndarray:
    """The scores by the (d, d) covariance: raw moments in one reading, where they keep all digits.

    Pixels do. Where the mean is far from the origin the moments around it are taken instead.
    """
    d = points.shape[1]
    origin = np.zeros(d)
    covariance, mean = _moments(points, origin)
    if mean @ mean > _FAR * np.trace(covariance):
        first = np.asarray(points[0], dtype=np.float64)
        origin = first + sum(block.sum(axis=0) for block in _rows(points, first)) / len(points)
        covariance, mean = _moments(points, origin)
    # In the order of growing variance.
    axes = np.linalg.eigh(covariance).eigenvectors[:, ::-1][:, :n_components]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(n_components)])
    scores = np.concatenate([block @ axes for block in _rows(points, origin)])
    scores -= mean @ axes
    return scores


def _moments(points: np.ndarray, origin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Covariance (d, d) of the points, and their mean (d,) as seen from ``origin``."""
    n, d = points.shape
    gram, total = np.zeros((d, d)), np.zeros(d)
    for block in _rows(points, origin):
        gram += block.T @ block
        total += block.sum(axis=0)
    mean = total / n
    gram -= n * mean[:, None] * mean[None, :]
    gram /= max(n - 1, 1)
    return gram, mean


def _by_products(points: np.ndarray, n_components: int) -> np.ndarray:
    """The scores by the (n, n) scalar products of the centred points."""
    n = len(points)
    products = np.zeros((n, n))
    for block in _columns(points):
        products += block @ block.T
    variances, vectors = eigh(products, subset_by_index=[n - n_components, n - 1])
    variances, vectors = variances[::-1], vectors[:, ::-1]
    # What is left of a component that the points do not have is rounding.
    there = variances > n * np.finfo(float).eps * max(variances[0], 0.0)
    scores: np.ndarray = vectors * np.sqrt(np.where(there, variances, 0.0))
    largest = np.zeros(n_components)
    for block in _columns(points):
        loadings = block.T @ scores
        found = loadings[np.abs(loadings).argmax(axis=0), np.arange(n_components)]
        largest = np.where(np.abs(found) > np.abs(largest), found, largest)
    return scores * np.where(largest < 0, -1.0, 1.0)


def _rows(points: np.ndarray, origin: np.ndarray) -> Iterator[np.ndarray]:
    """Blocks of points in double precision, as seen from ``origin``."""
    rows = max(1, min(_BLOCK, _BLOCK_NUMBERS // points.shape[1]))
    for start in range(0, len(points), rows):
        block = points[start : start + rows]
        if origin.any():
            yield np.subtract(block, origin, dtype=np.float64)
        else:
            yield np.asarray(block, dtype=np.float64)


def _columns(points: np.ndarray) -> Iterator[np.ndarray]:
    """Blocks of columns in double precision, centred.

    The first point comes off before the mean is taken, so that no offset costs digits.
    """
    columns = max(1, _BLOCK_NUMBERS // len(points))
    for start in range(0, points.shape[1], columns):
        block = np.array(points[:, start : start + columns], dtype=np.float64)
        block -= block[0].copy()
        block -= block.mean(axis=0)
        yield block
