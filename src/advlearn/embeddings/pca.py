"""Principal components (Pearson 1901), by the eigenvectors of the covariance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from threadpoolctl import threadpool_limits

from advlearn.settings.embed import EmbedSettings
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.errors import UserError

_BLOCK = 65_536


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

    Double precision and the eigenvectors of the (d, d) covariance: exact, no random projection,
    and fast where there are far more images than pixels. Points are read twice, a block at a time,
    so that a file of them that is mapped need not fit into memory.
    """
    n, d = points.shape
    with threadpool_limits(threads):
        gram, total = np.zeros((d, d)), np.zeros(d)
        for block in _blocks(points):
            gram += block.T @ block
            total += block.sum(axis=0)
        mean = total / n
        gram -= n * mean[:, None] * mean[None, :]
        gram /= max(n - 1, 1)
        # In the order of growing variance.
        axes = np.linalg.eigh(gram).eigenvectors[:, ::-1][:, :n_components]
        axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(n_components)])
        scores = np.concatenate([block @ axes for block in _blocks(points)])
        scores -= mean @ axes
    return scores


def _blocks(points: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(points), _BLOCK):
        yield np.asarray(points[start : start + _BLOCK], dtype=np.float64)
