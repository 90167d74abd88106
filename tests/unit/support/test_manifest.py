from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.support.errors import UserError
from advlearn.support.manifest import Manifest

TEXT = '{"cells": "results/a run/{model}/seed{seed}.csv", "data": "results/data.json"}'


def test_a_path_is_the_pattern_with_its_wildcards() -> None:
    files = Manifest.parse(TEXT)
    assert files.path("cells", model="cnn", seed=3) == Path("results/a run/cnn/seed3.csv")
    # Wildcards that a pattern does not have are not looked at.
    assert files.path("data", model="cnn") == Path("results/data.json")


@pytest.mark.parametrize(
    ("kind", "wildcards", "said"),
    [("rows", {"model": "cnn"}, "rows"), ("cells", {"model": "cnn"}, "seed")],
)
def test_what_is_missing_is_named(kind: str, wildcards: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        Manifest.parse(TEXT).path(kind, **wildcards)
    assert "--files" in error.value.where


@pytest.mark.parametrize("text", ["{", "[]", '"a"', '{"cells": 3}'])
def test_other_than_an_object_of_texts_is_refused(text: str) -> None:
    with pytest.raises(UserError) as error:
        Manifest.parse(text)
    assert "--files" in error.value.where
