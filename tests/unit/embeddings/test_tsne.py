from typing import Any

import numpy as np
import pytest
from openTSNE import TSNE
from sklearn.manifold import trustworthiness

from advlearn.embeddings import tsne
from advlearn.settings.embed import EmbedSettings
from advlearn.support.errors import UserError

SETTINGS = EmbedSettings.model_validate(
    {
        "tsne": {
            "perplexity": 10,
            "initial_pca": 5,
            "early_exaggeration_iter": 60,
            "n_iter": 90,
            "threads": 1,
        }
    }
)


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 20)) * 6
    return np.repeat(centres, 40, axis=0) + rng.normal(size=(160, 20))


@pytest.fixture(scope="module")
def embedded(points: np.ndarray) -> np.ndarray:
    return tsne.embed(points, SETTINGS, 3)


def test_neighbours_stay_neighbours(points: np.ndarray, embedded: np.ndarray) -> None:
    assert embedded.shape == (160, 2)
    assert trustworthiness(points, embedded, n_neighbors=5) > 0.9


def test_same_seed_and_threads_same_map(points: np.ndarray, embedded: np.ndarray) -> None:
    np.testing.assert_array_equal(tsne.embed(points, SETTINGS, 3), embedded)


def test_seed_fixes_the_approximate_neighbours_of_many_points(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tsne, "EXACT_NEIGHBOURS_TO", 1000)
    many = np.random.default_rng(1).normal(size=(1200, 20))
    settings = EmbedSettings.model_validate(
        {"tsne": {"perplexity": 10, "early_exaggeration_iter": 0, "n_iter": 5, "threads": 1}}
    )
    first, second, other = (tsne.embed(many, settings, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_no_seed_matters_where_neighbours_are_exact(
    points: np.ndarray, embedded: np.ndarray
) -> None:
    np.testing.assert_array_equal(tsne.embed(points, SETTINGS, 4), embedded)


def test_progress_is_shown(points: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    tsne.embed(points, SETTINGS, 3)
    assert "150/150 iterations (100 %)" in capsys.readouterr().err


def test_fft_where_there_are_many_points(
    points: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods = []

    class Recorder(TSNE):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            methods.append(options["negative_gradient_method"])
            super().__init__(**options)

    monkeypatch.setattr(tsne, "TSNE", Recorder)
    tsne.embed(points, SETTINGS, 0)
    monkeypatch.setattr(tsne, "FFT_FROM", len(points))
    tsne.embed(points, SETTINGS, 0)
    assert methods == ["bh", "fft"]


@pytest.mark.slow
@pytest.mark.parametrize("fft_from", [1, 10_000])
def test_the_map_is_the_one_of_the_library(
    points: np.ndarray, monkeypatch: pytest.MonkeyPatch, fft_from: int
) -> None:
    made = []

    class Kept(TSNE):  # type: ignore[misc]
        def prepare_initial(self, *arguments: Any, **options: Any) -> Any:
            # openTSNE's own fit comes here, too.
            made.append((self, arguments))
            return super().prepare_initial(*arguments, **options)

    monkeypatch.setattr(tsne, "FFT_FROM", fft_from)
    monkeypatch.setattr(tsne, "TSNE", Kept)
    ours = tsne.embed(points, SETTINGS, 0)
    mapper, arguments = made[0]
    own = SETTINGS.tsne
    mapper.early_exaggeration, mapper.early_exaggeration_iter, mapper.n_iter = (
        own.early_exaggeration, own.early_exaggeration_iter, own.n_iter,
    )  # fmt: skip
    np.testing.assert_array_equal(ours, np.asarray(mapper.fit(*arguments)))


def test_perplexity_too_large(points: np.ndarray) -> None:
    with pytest.raises(UserError, match="needs at least 31 images"):
        tsne.embed(points[:30], SETTINGS, 0)


def test_images_that_are_all_the_same() -> None:
    with pytest.raises(UserError, match="all images are the same"):
        tsne.embed(np.ones((50, 8)), SETTINGS, 0)


def test_fewer_pixels_than_dimensions(points: np.ndarray) -> None:
    with pytest.raises(UserError) as error:
        tsne.embed(points[:, :1], SETTINGS, 0)
    assert "embed.n_components" in error.value.where
