"""The small benchmarks: what they read, and what they need beforehand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import dry_run, memory, reductions, run_all

DRY_RUN = """\
Job stats:
job          count
---------  -------
craft            2
total           12

[...]
Job stats:
total           12
"""


def test_jobs_of_a_dry_run() -> None:
    assert dry_run.count_jobs(DRY_RUN) == 12
    assert dry_run.count_jobs("Nothing to be done (all requested files are present).") == 0


def test_memory_takes_the_largest_job_of_a_stage(tmp_path: Path) -> None:
    for stage, name, seconds, rss in (
        ("craft", "a", "2.0", "1000"),
        ("craft", "b", "3.0", "500"),
        ("embed", "c", "0.1", "-"),
    ):
        (tmp_path / stage).mkdir(exist_ok=True)
        table = f"s\tmax_rss\n{seconds}\t{rss}\n"
        (tmp_path / stage / f"{name}.tsv").write_text(table, encoding="utf-8")
    craft, embed = memory.stages(tmp_path)
    assert (craft["case"], craft["jobs"], craft["longest_s"], craft["total_s"]) == (
        "craft",
        2,
        3.0,
        5.0,
    )
    assert craft["peak_mb"] == pytest.approx(1048.576)
    assert embed["peak_mb"] != embed["peak_mb"]


def test_a_reduction_stands_beside_clustering_on_pixels_of_the_same_seed() -> None:
    rows = [
        (seed, reduction, 2, reduce_s, cluster_s)
        for seed, none_s in ((0, 10.0), (1, 20.0))
        for reduction, reduce_s, cluster_s in (
            ("none", 0.0, none_s),
            ("pca", 0.5, 1.0),
            ("tsne", 30.0, 1.0),
        )
    ]
    columns = ["seed", "reduction", "dimensions", "reduce_s", "cluster_s"]
    found = reductions.beside_none(pd.DataFrame(rows, columns=columns)).set_index("case")
    pca, tsne = found.loc["pca"], found.loc["tsne"]
    assert (pca["none_s"], pca["reduce_s"], pca["rounds"]) == (15.0, 0.5, 2)
    assert pca["share"] == pytest.approx((0.1 + 0.05) / 2)
    assert pca["whole"] == pytest.approx((0.15 + 0.075) / 2)
    assert tsne["share"] == pca["share"]
    assert tsne["whole"] == pytest.approx((3.1 + 1.55) / 2)
    # Student's interval of two differences from the mean.
    assert pca["share_high"] - pca["share"] == pytest.approx(12.706 * 0.025, rel=1e-3)


def test_every_round_reduces_and_clusters_all() -> None:
    images = np.random.default_rng(0).random((200, 64), dtype=np.float32)
    found = reductions.measured(images, range(2), ["none", "pca"])
    assert found["reduction"].tolist() == ["none", "pca", "pca", "none"]
    assert found["dimensions"].tolist() == [64, 2, 2, 64]
    assert (found["cluster_s"] > 0).all()


def test_every_benchmark_is_a_module_and_writes_its_own_file(tmp_path: Path) -> None:
    for name in run_all.NAMES:
        arguments = run_all.arguments(name, Path("results/x"), tmp_path)
        assert importlib.util.find_spec(arguments[1]) is not None
        assert arguments[-2:] == ["--out", str(tmp_path / f"{name}.csv")]


def test_what_is_missing_is_said_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    sentences = run_all.missing(["tsne", "memory", "topk", "table1", "ward"], tmp_path)
    assert len(sentences) == 4
    assert f"snakemake --cores 2 {tmp_path / run_all.CRAFTED}" in sentences[0]
    assert "make paper" in sentences[1]
    assert f"topk needs {tmp_path / run_all.DATA}" in sentences[2]
    assert "requirements-bench.txt" in sentences[3]
    (tmp_path / "benchmarks").mkdir()
    assert run_all.missing(["memory", "dry_run"], tmp_path) == []
