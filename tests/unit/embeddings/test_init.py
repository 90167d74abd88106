import subprocess
import sys

import numpy as np
import pytest

from advlearn.embeddings import embed, known
from advlearn.settings.embed import EmbedSettings
from advlearn.support.errors import UserError


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).random((40, 1, 3, 4), dtype=np.float32)


def test_shapes_and_types(images: np.ndarray) -> None:
    flat = embed(images, "none", EmbedSettings(), 0)
    assert flat.shape == (40, 12)
    scores = embed(images, "pca", EmbedSettings(), 0)
    assert scores.shape == (40, 2)
    assert flat.dtype == scores.dtype == np.float32
    assert flat.flags.c_contiguous
    assert scores.flags.c_contiguous


def test_unknown_reduction(images: np.ndarray) -> None:
    with pytest.raises(UserError, match="unknown reduction 'umap'") as error:
        embed(images, "umap", EmbedSettings(), 0)
    assert "none, pca, tsne" in error.value.remedy
    assert known() == ["none", "pca", "tsne"]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite(images: np.ndarray, bad: float) -> None:
    images[17, 0, 1, 1] = bad
    with pytest.raises(UserError, match="NaN or infinity") as error:
        embed(images, "pca", EmbedSettings(), 0)
    assert "image 17 of 40" in error.value.where


def test_no_images(images: np.ndarray) -> None:
    with pytest.raises(UserError, match="no images"):
        embed(images[:0], "none", EmbedSettings(), 0)


def test_perplexity_is_checked_before_anything_runs(images: np.ndarray) -> None:
    with pytest.raises(UserError, match="perplexity"):
        embed(images, "tsne", EmbedSettings(), 0)


def test_a_method_is_imported_only_when_used() -> None:
    code = (
        "import sys, advlearn.embeddings;"
        "print([m for m in ('sklearn', 'openTSNE', 'torch') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
