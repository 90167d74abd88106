"""Attacks and clusterers of one's own in study 3: those of docs/own-attack.md, and bad ones."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from advlearn.studies.bilevel.own import own_attack, own_victim
from advlearn.studies.bilevel.settings.attack import (
    BilevelAttackJob,
    BilevelAttackSettings,
    BilevelBlackboxJob,
    BlackboxSettings,
)
from advlearn.studies.bilevel.settings.own import OwnClusteringAttack, OwnVictim
from advlearn.studies.bilevel.settings.path import GraphSettings
from advlearn.studies.bilevel.stages.attack import bilevel_attack
from advlearn.studies.bilevel.stages.blackbox import bilevel_blackbox
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv

PAGE = (Path(__file__).resolve().parents[5] / "docs" / "own-attack.md").read_text("utf-8")
SECTION = PAGE.partition("\n## 7.")[2].partition("\n## ")[0]
(CODE,) = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
(YAML,) = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
CONFIGURATION = yaml.safe_load(YAML)["bilevel"]
GRAPH = GraphSettings(n_neighbors=14)


@pytest.fixture(autouse=True)
def mylab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "code" / "mylab"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    broken = "def floats(points, settings, n_clusters, seed): return points[:, 0]\n"
    (folder / "clusters.py").write_text(f"{CODE}\n\n{broken}", encoding="utf-8")
    monkeypatch.syspath_prepend(folder.parent)
    for name in ("mylab", "mylab.clusters"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_an_own_clusterer_is_a_victim_like_the_others(clustered: Path, tmp_path: Path) -> None:
    box = {**CONFIGURATION["blackbox"], "surrogates": ["merge"], "tau": 1.2, "generations": 3}
    job = BilevelBlackboxJob(graph=GRAPH, blackbox=BlackboxSettings.model_validate(box))
    out = tmp_path / "box.csv"
    files = {"data": clustered / "blobs.npz", "path": clustered / "path.npz"}
    bilevel_blackbox(**files, name="blobs", settings=job, seed=1, out=out)
    frame = read_csv(out)
    assert set(frame["target"]) == {"convex", "kmeans", "slices"}
    own = frame[(frame["source"] == "slices") & (frame["target"] == "slices")]
    assert (own["queries"] >= 4).all()


def test_an_own_attack_stands_beside_the_others(clustered: Path, tmp_path: Path) -> None:
    few = {"weights": ("recomputed",), "radii": 2, "staircase": 3, "budgets": ("per_point",)}
    given = {**CONFIGURATION["attack"], **few, "methods": ["straight"]}
    job = BilevelAttackJob(graph=GRAPH, attack=BilevelAttackSettings.model_validate(given))
    out = tmp_path / "attacks.csv"
    files = {"data": clustered / "blobs.npz", "path": clustered / "path.npz"}
    bilevel_attack(**files, name="blobs", settings=job, seed=1, out=out)
    frame = read_csv(out)
    assert set(frame["method"]) == {"straight"}
    # All points move alike, which changes no clustering.
    assert (frame[frame["form"] == "max_effect"]["delta"] == 0).all()
    assert (frame["queries"] >= 4).all()


@pytest.mark.parametrize(
    ("settings", "values", "said"),
    [
        (BlackboxSettings, {"victims": ["kmean"]}, "did you mean 'kmeans'"),
        (BlackboxSettings, {"own": {"ward": {"function": "a:b"}}}, "the name 'ward' is taken"),
        (BlackboxSettings, {"own": {"none": {"function": "a:b"}}}, "the name 'none' is taken"),
        (BlackboxSettings, {"own": {"a/b": {"function": "a:b"}}}, "letters, digits"),
        (BilevelAttackSettings, {"methods": ["genetics"]}, "did you mean 'genetic'"),
        (BilevelAttackSettings, {"own": {"cut": {"function": "a:b"}}}, "the name 'cut' is taken"),
        (BilevelAttackSettings, {"own": {"x": {"function": "ab"}}}, "pattern"),
    ],
)
def test_wrong_names_are_refused(settings: Any, values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        settings.model_validate(values)


def test_what_is_no_attack_or_returns_no_labels_is_refused() -> None:
    slices = OwnClusteringAttack(function="builtins:dict")
    with pytest.raises(UserError, match="is a dict and proposes nothing"):
        own_attack(slices)
    broken = own_victim(OwnVictim(function="mylab.clusters:floats"), 2, 0)
    with pytest.raises(UserError, match="an array of shape"):
        broken(np.zeros((4, 2)))
    with pytest.raises(UserError, match="cannot load the clusterer 'nowhere:x'"):
        own_victim(OwnVictim(function="nowhere:x"), 2, 0)
