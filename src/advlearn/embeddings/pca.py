"""Principal components (Pearson 1901), by the eigenvectors of the covariance."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from advlearn.settings.embed import EmbedSettings
from advlearn.support.errors import UserError


def embed(points: np.ndarray, settings: EmbedSettings, seed: int) -> np.ndarray:
    """Project (n, d) points on their first ``settings.n_components`` principal components.

    No randomness, the seed is not used. The sign of a component is the one that makes its largest
    loading positive.

    Raises:
        UserError: fewer images or pixels than components.
    """
    if settings.n_components > min(points.shape):
        raise UserError(
            f"{settings.n_components} principal components need as many images and pixels",
            where=f"configuration key 'embed.n_components', {len(points)} images of"
            f" {points.shape[1]} pixels",
            remedy=f"set it to at most {min(points.shape)}",
        )
    return principal_components(points, settings.n_components, settings.pca_threads)


def principal_components(points: np.ndarray, n_components: int, threads: int) -> np.ndarray:
    """Scores (n, n_components) float64 of the first components.

    Double precision and the eigenvectors of the (d, d) covariance: exact, no random projection,
    and fast where there are far more images than pixels.
    """
    # Points that are all the same have no variance to divide by; their scores are 0.
    with threadpool_limits(threads), np.errstate(invalid="ignore"):
        pca = PCA(n_components, svd_solver="covariance_eigh")
        # scikit-learn turns each component so that its largest loading is positive.
        scores: np.ndarray = pca.fit_transform(np.asarray(points, dtype=np.float64))
    return scores
