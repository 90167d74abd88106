"""Selection rules of one's own: the rule of docs/own-selection.md, and bad ones."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from advlearn.settings.cluster import setting_name
from advlearn.studies.selective.cell import read_cells
from advlearn.studies.selective.settings.select import SelectSettings
from advlearn.studies.selective.stages.select import select
from advlearn.support.errors import UserError
from advlearn.support.io import read_npz, write_npy
from tests.helpers.clusters import write_clusters
from tests.helpers.configuration import smoke_plan

PAGE = (Path(__file__).resolve().parents[5] / "docs" / "own-selection.md").read_text("utf-8")
(CODE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(YAML,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
GIVEN = yaml.safe_load(YAML)["selective"]["select"]
N = 40


@pytest.fixture(autouse=True)
def mylab(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    package, module = ModuleType("mylab"), ModuleType("mylab.rules")
    exec(CODE, module.__dict__)
    monkeypatch.setitem(sys.modules, "mylab", package)
    monkeypatch.setitem(sys.modules, "mylab.rules", module)
    return module


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    outcomes = {
        "split": "train",
        "position": np.arange(N),
        "label": np.arange(N) % 3,
        "loss": rng.random(N),
        "margin": rng.normal(size=N),
    }
    pd.DataFrame(outcomes).to_parquet(tmp_path / "outcomes.parquet", index=False)
    write_npy(tmp_path / "pca.npy", rng.normal(size=(N, 2)).astype(np.float32))
    labels = {setting_name(n_clusters=k): (np.arange(N) % k).astype(np.int32) for k in (2, 4)}
    return {
        "outcomes": tmp_path / "outcomes.parquet",
        "embedding": tmp_path / "pca.npy",
        "clusters": [write_clusters(tmp_path / "kmeans.parquet", labels)],
    }


def run(inputs: dict[str, Any], **changes: Any) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    out = inputs["outcomes"].with_name("cells.csv")
    settings = SelectSettings.model_validate({**GIVEN, **changes})
    select(**inputs, settings=settings, seed=0, out=out)
    return read_cells(out), read_npz(out.with_suffix(".npz"))


def test_the_rule_of_the_page_chooses_the_hardest_of_every_cluster(inputs: dict[str, Any]) -> None:
    cells, sets = run(inputs)
    (own,) = cells[cells["rule"] == "hardest"].to_dict("records")
    assert own["setting"] == "n_clusters=4"
    assert pd.isna(own["cluster"])
    loss = pd.read_parquet(inputs["outcomes"])["loss"].to_numpy()
    expected = [max(range(c, N, 4), key=lambda i: loss[i]) for c in range(4)]
    assert sets[own["digest"]].tolist() == sorted(expected)
    assert sets[own["digest"]].dtype == np.int32
    (control,) = cells[cells["control_of"] == own["digest"]].to_dict("records")
    assert control["n_selected"] == own["n_selected"] == 4


def test_its_settings_and_the_seed_reach_it_and_other_cells_stay(
    inputs: dict[str, Any], mylab: ModuleType
) -> None:
    seen: list[Any] = []

    def spy(images: Any, settings: dict[str, Any], seed: int) -> np.ndarray:
        seen.append((settings, seed, images.points.shape, images.cluster.copy()))
        images.cluster[:] = 0
        images.loss[:] = np.nan
        return np.array([7, 3])

    mylab.__dict__["hardest"] = spy
    cells, sets = run(inputs, rules=["hardest", "random", "largest"], rule_n_clusters=[2, 4])
    assert [each[0] for each in seen] == [{"share": 0.1}] * 2
    assert seen[0][1] != seen[1][1]
    assert seen[0][2] == (N, 2)
    assert [int(each[3].max()) for each in seen] == [1, 3]
    own = cells[cells["rule"] == "hardest"]
    assert [sets[digest].tolist() for digest in own["digest"]] == [[3, 7]] * 2
    plain, _ = run(inputs, rules=["random", "largest"], rule_n_clusters=[2, 4])
    others = cells[cells["rule"].isin(["random", "largest"])].reset_index(drop=True)
    rows = plain[plain["rule"] != "subset"].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, rows)


def test_a_rule_that_chooses_nothing_has_no_cell(inputs: dict[str, Any], mylab: ModuleType) -> None:
    mylab.__dict__["hardest"] = lambda images, settings, seed: []
    cells, _ = run(inputs)
    assert "hardest" not in set(cells["rule"])


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda n: np.arange(n) < 5, r"an array of shape \(40,\), type bool"),
        (lambda n: [0.0, 1.0], "type float64"),
        (lambda n: [[0, 1]], "shape"),
        (lambda n: [0, n], "position 40 of 40 images"),
        (lambda n: [-1, 2], "position -1 of 40 images"),
        (lambda n: [3, 3], "an image more than once"),
        (lambda n: None, "type object"),
    ],
)
def test_what_it_may_not_return(
    inputs: dict[str, Any], mylab: ModuleType, made: Any, said: str
) -> None:
    mylab.__dict__["hardest"] = lambda images, settings, seed: made(len(images.label))
    with pytest.raises(UserError, match=said) as caught:
        run(inputs)
    assert "'selective.select.own.hardest'" in caught.value.where
    assert not inputs["outcomes"].with_name("cells.csv").exists()


def test_it_needs_what_was_clustered_and_a_function(inputs: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="cannot load the selection rule 'nowhere:x'"):
        run(inputs, own={"hardest": {"function": "nowhere:x"}})
    del inputs["embedding"]
    with pytest.raises(UserError, match="the rule hardest needs the points"):
        run(inputs)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"rules": ["hardests"]}, "did you mean 'hardest'"),
        ({"own": {"largest": {"function": "a:b"}}}, "the name 'largest' is taken"),
        ({"own": {"subset": {"function": "a:b"}}}, "the name 'subset' is taken"),
        ({"own": {"a/b": {"function": "a:b"}}}, "letters, digits"),
        ({"own": {"7": {"function": "a:b"}}}, "is a number"),
        ({"own": {"hardest": {"function": "hardest"}}}, "pattern"),
    ],
)
def test_wrong_names_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SelectSettings.model_validate({**GIVEN, **values})


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "code" / "mylab"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "rules.py").write_text(CODE, encoding="utf-8")
    monkeypatch.syspath_prepend(folder.parent)
    for name in ("mylab", "mylab.rules"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder / "rules.py"


def test_its_file_is_a_parameter_of_the_job(file: Path) -> None:
    plan = smoke_plan(selective={"select": GIVEN}).study("selective")
    (line, *_) = plan.lines()
    wildcards: Any = SimpleNamespace(**line)
    (before,) = plan.own_rules(wildcards)
    file.write_text(CODE + "\n# changed\n", encoding="utf-8")
    assert plan.own_rules(wildcards) != [before]
    # A block with rules of its own, and a study without: no parameter that others lack.
    block = next(each for each in plan.lines() if each["reduction"] == "tsne")
    assert plan.own_rules(SimpleNamespace(**block)) is None


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("nowhere.rules:x", "no Python module 'nowhere.rules'"),
        ("mylab.rules:easiest", "has nothing called 'easiest'"),
    ],
)
def test_a_function_that_is_nowhere_is_refused_before_any_job(function: str, said: str) -> None:
    own = {"hardest": {"function": function}}
    with pytest.raises(UserError, match=said) as caught:
        smoke_plan(selective={"select": {**GIVEN, "own": own}})
    assert function in caught.value.where


@pytest.mark.usefixtures("file")
def test_strong_attacks_take_its_name() -> None:
    changes = {"select": GIVEN, "evaluate": {"strong": {"rules": ["classic", "hardest"]}}}
    plan = smoke_plan(selective=changes).study("selective")
    assert plan.settings.evaluate.strong.rules == ("classic", "hardest")
