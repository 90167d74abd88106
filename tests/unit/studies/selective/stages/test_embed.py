from pathlib import Path

import numpy as np
import pytest

from advlearn.settings.embed import EmbedSettings
from advlearn.studies.selective.stages.embed import embed
from advlearn.support.errors import UserError

SETTINGS = EmbedSettings.model_validate(
    {"tsne": {"perplexity": 5, "early_exaggeration_iter": 20, "n_iter": 30, "threads": 1}}
)


@pytest.fixture
def adversarial(tmp_path: Path) -> Path:
    path = tmp_path / "train.npy"
    np.save(path, np.random.default_rng(0).random((60, 1, 4, 4), dtype=np.float32))
    return path


@pytest.mark.parametrize(("reduction", "width"), [("none", 16), ("pca", 2), ("tsne", 2)])
def test_points_and_the_same_bytes_again(
    adversarial: Path, tmp_path: Path, reduction: str, width: int
) -> None:
    outs = [tmp_path / "a.npy", tmp_path / "b.npy"]
    for out in outs:
        embed(adversarial=adversarial, settings=SETTINGS, reduction=reduction, seed=1, out=out)
    points = np.load(outs[0])
    assert points.shape == (60, width)
    assert points.dtype == np.float32
    assert outs[0].read_bytes() == outs[1].read_bytes()


@pytest.mark.parametrize("content", [b"no array", b""])
def test_images_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "train.npy"
    path.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read") as error:
        embed(adversarial=path, settings=SETTINGS, reduction="pca", seed=0, out=tmp_path / "o.npy")
    assert error.value.where == str(path)
    assert not (tmp_path / "o.npy").exists()


def test_images_with_nan_leave_nothing_behind(adversarial: Path, tmp_path: Path) -> None:
    images = np.load(adversarial)
    images[3] = np.nan
    np.save(adversarial, images)
    out = tmp_path / "out.npy"
    with pytest.raises(UserError, match="NaN"):
        embed(adversarial=adversarial, settings=SETTINGS, reduction="none", seed=0, out=out)
    assert not out.exists()
