"""The benchmark of Table 1: its configuration and how both sides are put together."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from advlearn.config import load
from benchmarks import table1
from tests.helpers.configuration import merged

ROOT = Path(__file__).parents[3]


def test_the_configuration_has_one_job_for_one_seed() -> None:
    base = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    values = merged(base, table1.configuration(None, 100))
    config = load(values, "test")
    (line,) = config.selective.lines()
    assert (config.run, config.seeds, config.data.test_images) == (table1.RUN, (0,), 100)
    assert f"evaluation/{line.universe}/seed0/{line.attack}/{line.reduction}.csv" in str(
        table1.EVALUATION
    )
    assert line.clusterers == ("kmeans", "agglomerative")
    assert line.select.rules == ["random"]
    assert not line.select.subset_control


def evaluation() -> pd.DataFrame:
    rows = []
    for clusterer, setting, rule, cluster in (
        ("kmeans", "n_clusters=1", "random", 0),
        ("kmeans", "n_clusters=10", "random", 7),
        ("single", "n_clusters=1", "all", 0),
    ):
        for split in ("validation", "test"):
            for metric, value in (
                ("clean_accuracy", 0.9),
                ("adversarial_accuracy", 0.3),
                ("average_accuracy", 0.6),
            ):
                rows.append(
                    {
                        "clusterer": clusterer,
                        "setting": setting,
                        "rule": rule,
                        "cluster": cluster,
                        "n_selected": 50,
                        "protocol": "whitebox",
                        "split": split,
                        "metric": metric,
                        "value": value if split == "test" else 0.0,
                    }
                )
    return pd.DataFrame(rows)


def test_cells_are_the_random_clusters_on_the_test_images() -> None:
    cells = table1.cells(evaluation())
    assert cells.to_dict(orient="records") == [
        {
            "clusterer": "kmeans",
            "n_clusters": number,
            "cluster": cluster,
            "n_selected": 50,
            "clean_accuracy": 0.9,
            "adversarial_accuracy": 0.3,
        }
        for number, cluster in ((1, 0), (10, 7))
    ]


def test_both_sides_stand_in_one_row_a_cell() -> None:
    ours = table1.cells(evaluation())
    peer = ours.assign(clean_accuracy=[0.88, 0.5])
    both = table1.side_by_side(ours, peer)
    assert both["n_clusters"].tolist() == [1, 10]
    assert both["clean_accuracy_peer"].tolist() == [0.88, 0.5]
    # The cell of ten clusters differs more, but its clusters are others.
    assert table1.clean_difference(both) == pytest.approx(0.02)


def test_fewer_test_images_bear_more_chance() -> None:
    assert table1.clean_tolerance(10_000) == pytest.approx(0.03)
    assert table1.clean_tolerance(400) == pytest.approx(0.11)


def test_cells_that_one_side_lacks_are_an_error() -> None:
    ours = table1.cells(evaluation())
    with pytest.raises(ValueError, match="same cells"):
        table1.side_by_side(ours, ours.iloc[:1])


def test_parts_add_up_the_jobs_of_a_stage(tmp_path: Path) -> None:
    folder = tmp_path / "benchmarks" / "cluster"
    folder.mkdir(parents=True)
    for name, seconds in (("a", 1.5), ("b", 2.0)):
        (folder / f"{name}.tsv").write_text(f"s\th:m:s\n{seconds}\t0:00:01\n", encoding="utf-8")
    assert table1.our_parts(tmp_path) == {"cluster": 3.5}


def test_clearing_keeps_the_data_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table1.clear(data=True)
    for name in ("data", "models"):
        (table1.RESULTS / name).mkdir(parents=True)
    table1.LOGS.mkdir(parents=True)
    other = Path("results/paper")
    other.mkdir()
    table1.clear(data=False)
    assert [path.name for path in table1.RESULTS.iterdir()] == ["data"]
    table1.clear(data=True)
    assert not table1.RESULTS.exists()
    assert not table1.LOGS.exists()
    assert other.is_dir()
