"""Reductions of one's own: docs/own-reduction.md, and what they may not return."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import yaml

from advlearn.embeddings import embed
from advlearn.settings.embed import EmbedSettings
from advlearn.support.errors import UserError

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "own-reduction.md").read_text("utf-8")


@pytest.fixture(autouse=True)
def mylab(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    package, module = ModuleType("mylab"), ModuleType("mylab.reductions")
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(code, module.__dict__)
    monkeypatch.setitem(sys.modules, "mylab", package)
    monkeypatch.setitem(sys.modules, "mylab.reductions", module)
    return module


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).random((20, 1, 4, 4), dtype=np.float32)


def settings(function: str = "mylab.reductions:project") -> EmbedSettings:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    own = yaml.safe_load(text)["selective"]["embed"]["own"]
    own["projection"]["function"] = function
    return EmbedSettings.model_validate({"own": own})


def test_the_function_of_the_page(images: np.ndarray) -> None:
    before = images.copy()
    found = embed(images, "projection", settings(), 1)
    assert found.shape == (20, 3)
    assert found.dtype == np.float32
    assert np.array_equal(images, before)
    assert np.array_equal(found, embed(images, "projection", settings(), 1))
    assert not np.array_equal(found, embed(images, "projection", settings(), 2))


def test_a_job_is_told_of_its_own_reduction_alone() -> None:
    assert '"projection"' in settings().json_for("projection")
    assert settings().json_for("pca") == EmbedSettings().json_for("pca")
    with pytest.raises(UserError, match="did you mean 'projection'"):
        settings().json_for("projections")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda points: points[:, 0], "an array of shape"),
        (lambda points: points[1:], "an array of shape"),
        (lambda points: np.zeros((len(points), 2), int), "numbers of type int64"),
        (lambda points: points / 0, "NaN or infinity, the first for image 0"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_it_may_not_return(
    made: Any, said: str, mylab: ModuleType, images: np.ndarray
) -> None:
    mylab.__dict__["broken"] = lambda points, settings, seed: made(points)
    with pytest.raises(UserError, match=said):
        embed(images + 1, "projection", settings("mylab.reductions:broken"), 0)


def test_a_name_that_is_taken_or_no_function_is_refused() -> None:
    with pytest.raises(ValueError, match="the name 'pca' is taken"):
        EmbedSettings.model_validate({"own": {"pca": {"function": "a:b"}}})
    with pytest.raises(ValueError, match="pattern"):
        settings("mylab")
    with pytest.raises(UserError, match="cannot load the reduction 'nowhere:x'"):
        embed(np.zeros((3, 4)), "projection", settings("nowhere:x"), 0)
