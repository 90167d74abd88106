import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from advlearn.embeddings import pca
from advlearn.embeddings.pca import embed
from advlearn.settings.embed import EmbedSettings
from advlearn.support.errors import UserError


@pytest.fixture
def points() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(200, 12)) * np.linspace(4, 0.5, 12)


def test_agrees_with_the_singular_value_decomposition(points: np.ndarray) -> None:
    ours = embed(points, EmbedSettings(), 0)
    full = PCA(2, svd_solver="full").fit_transform(points)
    np.testing.assert_allclose(np.abs(ours), np.abs(full), atol=1e-8)


@pytest.mark.parametrize("flip", [1, -1])
def test_sign_makes_the_largest_loading_positive(points: np.ndarray, flip: int) -> None:
    centred = flip * (points - points.mean(axis=0))
    scores = embed(centred, EmbedSettings(), 0)
    loadings = scores.T @ centred
    assert (loadings[np.arange(2), np.abs(loadings).argmax(axis=1)] > 0).all()


def test_seed_is_not_used(points: np.ndarray) -> None:
    np.testing.assert_array_equal(
        embed(points, EmbedSettings(), 0), embed(points, EmbedSettings(), 1)
    )


def test_fewer_pixels_than_components(points: np.ndarray) -> None:
    with pytest.raises(UserError, match="3 principal components") as error:
        embed(points[:, :2], EmbedSettings(n_components=3), 0)
    assert "embed.n_components" in error.value.where


def test_blocks_do_not_change_the_scores(
    points: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pca.principal_components(points, 3, 1)
    monkeypatch.setattr(pca, "_BLOCK", 7)
    np.testing.assert_allclose(pca.principal_components(points, 3, 1), whole, atol=1e-12)


def test_memory_does_not_grow_with_the_pixels_of_all_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pca, "_BLOCK", 500)
    np.save(tmp_path / "points.npy", np.random.default_rng(0).random((20_000, 100), np.float32))
    mapped = np.load(tmp_path / "points.npy", mmap_mode="r")
    tracemalloc.start()
    pca.principal_components(mapped, 2, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.4 * mapped.nbytes
