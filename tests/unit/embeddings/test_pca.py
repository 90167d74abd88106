import time
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


def decomposed(points: np.ndarray, n_components: int) -> np.ndarray:
    """Scores by the singular value decomposition of the centred points, with our signs."""
    centred = points.astype(np.float64) - points[0]
    left, spread, axes = np.linalg.svd(centred - centred.mean(axis=0), full_matrices=False)
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    scores: np.ndarray = left * spread * np.where(largest < 0, -1, 1)
    return scores[:, :n_components]


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6, 1e8, -1e8])
@pytest.mark.parametrize("shape", [(200, 12), (12, 200), (30, 30), (29, 30), (2, 900)])
@pytest.mark.parametrize("rank", [None, 3, 1])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_all_shapes_and_offsets_agree_with_the_singular_values(
    shape: tuple[int, int], offset: float, rank: int | None, dtype: type
) -> None:
    n, d = shape
    rng = np.random.default_rng([n, d])
    rank = rank or min(n, d)
    # Whole numbers of 64ths: a point and an offset have an exact sum, and the rank is exact.
    left, right = rng.integers(-9, 10, (n, rank)), rng.integers(-9, 10, (rank, d))
    spread = np.array([9, 5, 3, *[1] * rank][:rank])
    points: np.ndarray = (offset + (left * spread) @ right / 64).astype(dtype)
    wanted = decomposed(points, min(3, n))
    found = pca.principal_components(points, min(3, n), 1)
    scale = np.abs(wanted).max() + np.finfo(float).tiny
    # The largest loading may be one of two that are equal but for rounding.
    signs = np.where((found * wanted).sum(axis=0) < 0, -1, 1)
    np.testing.assert_allclose(found * signs / scale, wanted / scale, atol=1e-10)


@pytest.mark.parametrize("offset", [0.0, 0.1, 1e8])
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (7, 3), (3, 7)])
def test_one_image_and_equal_images_lie_in_the_origin(
    shape: tuple[int, int], offset: float
) -> None:
    points = np.full(shape, offset) + np.linspace(0, 1, shape[1])
    assert not pca.principal_components(points, min(2, *shape), 1).any()


def test_the_sides_meet_in_the_same_signs(points: np.ndarray) -> None:
    tall, wide = points[:13], points[:11]
    both = [
        np.corrcoef(pca.principal_components(one, 1, 1)[:, 0], decomposed(one, 1)[:, 0])[0, 1]
        for one in (tall, wide)
    ]
    np.testing.assert_allclose(both, 1)


@pytest.mark.parametrize("wide", [False, True])
def test_blocks_do_not_change_the_scores(
    points: np.ndarray, monkeypatch: pytest.MonkeyPatch, wide: bool
) -> None:
    points = points.T.copy() if wide else points
    whole = pca.principal_components(points, 3, 1)
    monkeypatch.setattr(pca, "_BLOCK_NUMBERS", 90)
    np.testing.assert_allclose(pca.principal_components(points, 3, 1), whole, atol=1e-12)


@pytest.mark.parametrize("side", [64, 224])
def test_wide_images_cost_what_their_number_does(side: int) -> None:
    images = np.random.default_rng(0).random((40, side * side), np.float32)
    tracemalloc.start()
    started = time.process_time()
    pca.principal_components(images, 2, 1)
    seconds, peak = time.process_time() - started, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The (d, d) covariance of 64 x 64 pixels is 134 MB and takes ten seconds.
    assert seconds < 3
    assert peak < 10 * images.nbytes


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
