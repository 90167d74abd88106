"""The smoke run: what is there afterwards, and what a second one does."""

from __future__ import annotations

import csv
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import matplotlib.image
import numpy as np
import pytest
import yaml

from advlearn.studies import studies
from tests.workflow.jobs import EVERYTHING, PARTS
from tests.workflow.project import Finished, Project

pytestmark = pytest.mark.xdist_group("smoke")

RUN = "results/smoke"
TABLES = [name for study in studies() for name in study.tables]
FIGURES = [name for study in studies() for name in study.figures]


def test_smoke_run_ends_well_and_says_where_its_results_are(
    smoke_run: tuple[Project, Finished],
) -> None:
    _, done = smoke_run
    assert done.status == 0, done.output[-5000:]
    assert f"finished: results are in {RUN}" in done.output
    assert "Traceback" not in done.output


def test_the_copy_runs_its_own_package(smoke: Project) -> None:
    done = smoke.run(sys.executable, "-c", "import advlearn; print(advlearn.__file__)")
    assert Path(done.output.strip()).is_relative_to(smoke.root)


@pytest.mark.parametrize("name", TABLES)
def test_table_holds_something_in_every_column(smoke: Project, name: str) -> None:
    stem = smoke.root / RUN / "paper" / "tables" / name
    for suffix in (".md", ".tex"):
        assert stem.with_suffix(suffix).read_text(encoding="utf-8").strip()
    with stem.with_suffix(".csv").open(encoding="utf-8", newline="") as stream:
        header, *rows = list(csv.reader(stream))
    assert rows
    assert {len(row) for row in rows} == {len(header)}
    for index, column in enumerate(header):
        values = {row[index].strip().lower() for row in rows}
        assert values - {"", "nan", "none"}, f"column {column!r} holds nothing"


SENTENCES = ("selective_universes", "selective_choices")
"""Figures that say, in a run of other data than the paper's, why there is nothing to draw."""


@pytest.mark.parametrize("name", FIGURES)
def test_figure_shows_something(smoke: Project, name: str) -> None:
    stem = smoke.root / RUN / "paper" / "figures" / name
    assert stem.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert stem.with_suffix(".pdf").stat().st_size > 2000
    assert "</svg>" in stem.with_suffix(".svg").read_text(encoding="utf-8")
    picture = np.round(matplotlib.image.imread(stem.with_suffix(".png")) * 255).astype(np.uint32)
    height, width = picture.shape[:2]
    assert min(height, width) >= 300
    pixels = picture[:, :, 0] << 16 | picture[:, :, 1] << 8 | picture[:, :, 2]
    if name in SENTENCES:
        assert len(np.unique(pixels)) > 10
        return
    # Not one colour, nor stripes of a few: rows and columns differ from the margins.
    assert len(np.unique(pixels)) > 10
    assert (pixels != pixels[0]).any(axis=1).sum() > height / 3
    assert (pixels != pixels[:, :1]).any(axis=0).sum() > width / 3


def test_tidy_tables_hold_rows_of_every_seed_universe_and_attack(smoke: Project) -> None:
    with (smoke.root / RUN / "tidy" / "selective_metrics.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["seed"] for row in rows} == {"0", "1"}
    assert {row["attack"] for row in rows} == {"fgsm", "pgd"}
    assert {row["split"] for row in rows} == {"validation", "test"}
    assert {row["protocol"] for row in rows} == {"whitebox", "transfer"}
    assert all(0 <= float(row["value"]) <= 1 for row in rows)


def test_tidy_tables_of_study_2_hold_every_experiment_and_method(smoke: Project) -> None:
    with (smoke.root / RUN / "tidy" / "topk_metrics.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    experiments = {"global", "random", "relaxation", "alpha", "unknown", "transfer"}
    assert {row["experiment"] for row in rows} == experiments
    methods = {"tkmia", "tkml_ap_u", "kfool", "ml_cw_u_a", "projected"}
    assert {row["method"] for row in rows} == methods
    shares = [row for row in rows if row["metric"] in {"asr", "stealth_asr"}]
    assert all(0 <= float(row["value"]) <= 1 for row in shares if row["n"] != "0")
    # An attack that never succeeds would make all that follows empty.
    assert any(float(row["value"]) > 0.5 for row in shares if row["n"] != "0")


def test_tidy_tables_of_study_3_keep_what_must_hold(smoke: Project) -> None:
    def rows(name: str) -> list[dict[str, str]]:
        with (smoke.root / RUN / "tidy" / f"bilevel_{name}.csv").open(encoding="utf-8") as stream:
            return list(csv.DictReader(stream))

    assert {float(row["max_error"]) for row in rows("formulas")} == {0.0}
    assert {row["violations_inside"] for row in rows("monotone")} == {"0"}
    certified: dict[tuple[str, str], float] = {}
    for row in rows("sandwich"):
        if row["kind"] == "certified":
            cell = (row["weights"], row["gamma"])
            certified[cell] = max(certified.get(cell, 0.0), float(row["epsilon"]))
    # A smoke run in which nothing is certified or attacked would show nothing.
    assert max(certified.values()) > 0
    # Without a size: the attack did not succeed.
    attacked = [row for row in rows("sandwich") if row["kind"] == "attacked" and row["epsilon"]]
    assert attacked
    for row in attacked:
        # Of the victim who takes all anew nothing is certified.
        if row["weights"] != "rebuilt":
            assert float(row["epsilon"]) >= certified[row["weights"], row["gamma"]]
    trials = rows("trials")
    assert sum(int(row["tries"]) for row in trials) > 0
    assert {row["changed"] for row in trials} == {"0"}
    for row in rows("calmness"):
        assert float(row["change"]) <= float(row["bound"]) * (1 + 1e-9) + 1e-9
    values: dict[str, list[float]] = {}
    for row in rows("staircase"):
        if row["curve"] == "value":
            values.setdefault(row["deviation"], []).append(float(row["value"]))
    assert len(values) == 8
    for deviation, curve in values.items():
        assert curve == sorted(curve), f"v(tau) of {deviation} falls"
        assert curve[0] == 0 < curve[-1]
    assert [row["chosen"] for row in rows("path")].count("1") == 1
    assert any(row["reached"] == "1" for row in rows("attacks"))


class Sources(HTMLParser):
    """Collects what a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            loads = name in {"src", "srcset", "data", "poster"} or (
                name == "href" and tag in {"link", "image", "use"}
            )
            if loads and value:
                self.loaded.append(value)


def test_report_is_one_self_contained_page(smoke: Project) -> None:
    text = (smoke.root / RUN / "report.html").read_text(encoding="utf-8")
    sources = Sources()
    sources.feed(text)
    outside = [value[:80] for value in sources.loaded if not value.startswith(("data:", "#"))]
    assert not outside
    # Drawings are part of the text, with their signs escaped.
    assert not re.search(r"@import|url\(\s*['\"]?(?!['\"]?(data:|#))", unquote(text))
    # Pictures are in the page itself, one a figure at least.
    assert len(re.findall(r"<svg|<img", text)) >= len(FIGURES)


def test_what_the_run_was_made_with_is_written_down(smoke: Project) -> None:
    record = json.loads((smoke.root / RUN / "run.json").read_text(encoding="utf-8"))
    assert record["run"] == "smoke"
    assert record["seeds"] == [0, 1]
    assert record["versions"]["torch"]
    assert record["machine"]["cores"] >= 1
    assert record["stages"]["retrain"]["jobs"] == 6
    assert record["stages"]["topk_attack"]["jobs"] == 4
    assert record["stages"]["bilevel_certify"]["jobs"] == 1
    # Every job that must come before this one has said where it computed.
    others = {"record", "report", *PARTS}
    before = sum(jobs for rule, jobs in EVERYTHING.items() if rule not in others)
    assert sum(record["devices"].values()) == before
    config = yaml.safe_load((smoke.root / RUN / "config.yaml").read_text(encoding="utf-8"))
    # Resolved: what smoke.yaml does not name is there with its value.
    assert config["selective"]["universes"]["standard"]["retrain"]["online_steps"] == 5


def test_the_recorded_configuration_is_a_configuration(smoke: Project, tmp_path: Path) -> None:
    again = smoke.moved(tmp_path / "copy")
    assert again.would_run(config=f"{RUN}/config.yaml") == {}


def test_nothing_in_the_run_could_hold_a_pickle(smoke: Project) -> None:
    kinds = {path.suffix for path in (smoke.root / "results").rglob("*") if path.is_file()}
    allowed = {
        ".csv", ".html", ".json", ".md", ".npy", ".npz", ".parquet", ".pdf", ".png",
        ".safetensors", ".svg", ".tex", ".tsv", ".yaml",
    }  # fmt: skip
    assert kinds <= allowed
    for path in (smoke.root / "results").rglob("*.np[yz]"):
        with path.open("rb") as stream:
            np.load(stream, allow_pickle=False)


def test_nothing_half_written_stays(smoke: Project) -> None:
    assert not [path for path in (smoke.root / "results").rglob("*") if ".part" in path.name]


def test_every_job_has_a_log_that_says_what_it_did(smoke: Project) -> None:
    logs = sorted(path.relative_to(smoke.root) for path in (smoke.root / "logs").rglob("*.log"))
    assert len(logs) >= 50
    assert not [path for path in logs if "Traceback" in (smoke.root / path).read_text()]


def test_a_second_run_has_nothing_to_do(smoke: Project) -> None:
    done = smoke.snakemake("smoke", cores=2)
    assert done.status == 0, done.output
    assert "Nothing to be done" in done.output


def test_a_project_that_is_moved_has_nothing_to_do(smoke: Project, tmp_path: Path) -> None:
    assert smoke.moved(tmp_path / "elsewhere").would_run() == {}


def test_figures_and_tables_drawn_again_are_the_same_bytes(smoke: Project, tmp_path: Path) -> None:
    drawn = smoke.bytes_of(f"{RUN}/paper/figures/*")
    assert len(drawn) == 3 * len(FIGURES)
    done = smoke.advlearn("figures", "--tidy", f"{RUN}/tidy", "--out", tmp_path / "figures")
    assert done.status == 0, done.output
    for name, content in drawn.items():
        assert (tmp_path / "figures" / Path(name).name).read_bytes() == content, name
    done = smoke.advlearn("tables", "--tidy", f"{RUN}/tidy", "--out", tmp_path / "tables")
    assert done.status == 0, done.output
    for name, content in smoke.bytes_of(f"{RUN}/paper/tables/*").items():
        assert (tmp_path / "tables" / Path(name).name).read_bytes() == content, name
