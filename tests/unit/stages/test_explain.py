"""Explanations of the shipped run; tests/workflow/test_explain.py has those of a finished one."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from advlearn.chain.address import parse
from advlearn.chain.run_folder import RunFolder
from advlearn.chain.screen import first_screen
from advlearn.stages.explain import explain
from advlearn.studies import studies, study
from advlearn.support.errors import UserError
from tests.helpers.bilevel_run import write_bilevel

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
REFERENCE = Path("results/reference")


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def found(what: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    explain(what, as_json=True)
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert fits_a_screen(list(first_screen(told))), what
    return told


def fits_a_screen(lines: list[str]) -> bool:
    """In a terminal of 80 columns and 24 lines, the prompt below it."""
    return sum(max(1, -(-len(line) // 80)) for line in lines) < 25


def test_a_number_of_study_1(capsys: pytest.CaptureFixture[str]) -> None:
    told = found("selective_table1:plausible_1,transfer,kmeans,n_clusters=4,adversarial", capsys)
    number = told["number"]
    (values, published) = number["rows"]
    seeds = [row["value"] for row in values["values"]]
    assert len(seeds) == 10
    assert float(number["value"]) == pytest.approx(sum(seeds) / 10, rel=1e-9)
    assert published["values"][0]["algorithm"] == "kmeans"
    assert published["values"][0]["n_clusters"] == 4
    # Of all universes, attacks and reductions only those of the number.
    rules = Counter(job["rule"] for job in told["jobs"])
    assert rules["evaluate"] == rules["retrain"] == rules["select"] == rules["embed"] == 10
    assert rules["cluster"] == 10 * 3
    assert not {"calibrate", "topk_attack", "selective_figures"} & set(rules)
    evaluated = [job["wildcards"] for job in told["jobs"] if job["rule"] == "evaluate"]
    same = {"universe": "plausible_1", "attack": "fgsm", "reduction": "pca"}
    assert evaluated == [{**same, "seed": str(seed)} for seed in range(10)]


def test_what_was_not_shipped_is_unknown_and_what_was_is_checked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = found("figures/bilevel_sandwich", capsys)
    assert told["kept"] == "results only"
    record = json.loads((REFERENCE / "run-bilevel.json").read_text(encoding="utf-8"))
    assert told["run"]["recorded"] == record["recorded"]
    outputs = {file["path"]: file["sha256"] for job in told["jobs"] for file in job["outputs"]}
    for path, checksum in outputs.items():
        shipped = path.startswith(f"{REFERENCE}/")
        assert (checksum is not None) == shipped, path
        if shipped:
            assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == checksum
    assert any("/tidy/bilevel_sandwich.csv" in path for path in outputs)
    assert {job["started"] for job in told["jobs"]} == {None}
    # Of the study, only what the figure reads.
    assert {job["rule"] for job in told["jobs"]} == {
        *("bilevel_data", "bilevel_path", "bilevel_certify", "bilevel_attack"),
        *("bilevel_collect", "bilevel_figures"),
    }


def test_the_shipped_figures_and_tables_are_made_again_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for what in ("topk_models", "figures/topk_alpha"):
        told = found(what, capsys)
        assert len(told["files"]) == 3
        assert {file["made_again_the_same"] for file in told["files"]} == {True}


def test_a_published_number_is_quoted_and_has_no_jobs_behind_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = found("bilevel_onepoint:digits_1_4,ward,method=published,misclustered,published", capsys)
    assert told["number"]["how"].startswith("quoted")
    assert [job["rule"] for job in told["jobs"]] == ["bilevel_tables"]
    assert [file["path"] for file in told["given"]] == [
        "config/published/bilevel/bilevel_onepoint.csv"
    ]


def test_the_text_has_the_number_the_chain_and_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    explain("topk_random:tkmia,l2,n_specified=1,k=2,over=success", everything=True)
    text = capsys.readouterr().out
    line = (REFERENCE / "paper/tables/topk_random.csv").read_text().splitlines()[13]
    assert f"mean = {line.split(',')[15]}, line 14 of the CSV file" in text
    assert "500 rows, line" in text
    assert "topk_attack (5 jobs)" in text
    assert "only results were kept here" in text
    assert "unknown, not kept" in text
    assert (
        "snakemake results/paper/paper/tables/topk_random.csv --cores all"
        " --configfile results/reference/config-topk.yaml" in text
    )


def test_the_first_screen_has_the_number_the_jobs_and_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    explain("selective_table1:plausible_1,transfer,kmeans,n_clusters=4,adversarial")
    text = capsys.readouterr().out
    assert fits_a_screen(text.splitlines())
    assert re.search(r"number mean = 0\.\d+, line \d+$", text, re.MULTILINE)
    assert "values: 10 rows" in text
    assert "published=0." in text
    assert re.search(r"evaluate\s+10, collect 1, selective_tables 1", text)
    assert "only results were kept here" in text
    assert "again: " in text
    assert "--all" in text


def test_without_a_name_all_names_fit_a_screen_and_can_be_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    explain()
    text = capsys.readouterr().out
    assert fits_a_screen(text.splitlines())
    tables = [name for each in studies() for name in each.tables]
    figures = [name for each in studies() for name in each.figures]
    listed: dict[str, list[str]] = {}
    for kind, prefix, words in re.findall(
        r"^  (tables|figures) (\w+)\.\.\.: (.*(?:\n {4}.*)*)", text, re.MULTILINE
    ):
        listed.setdefault(kind, []).extend(f"{prefix}{word}" for word in words.split())
    assert listed == {"tables": tables, "figures": figures}
    for what in re.findall(r"WHAT=(tables/\S+)", text):
        assert parse(what, tables, figures).name in tables


def test_what_a_run_left_out_is_neither_listed_nor_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bilevel(
        tmp_path / "tidy",
        seeds=[0],
        datasets=["blobs"],
        drawn=["blobs"],
        left_out=["bilevel_onepoint", "bilevel_delta"],
    )
    (tmp_path / "run-bilevel.json").write_text('{"recorded": "now", "run": "mine"}')
    (tmp_path / "config-bilevel.yaml").write_text("run: mine\n")
    explain(run=tmp_path)
    text = capsys.readouterr().out
    assert "gamma_interval" in text
    assert "onepoint" not in text
    assert "topk" not in text
    with pytest.raises(UserError, match="the run left out") as error:
        explain("bilevel_onepoint", run=tmp_path)
    assert "bilevel_delta" in error.value.where


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no results of a run"):
        explain(run=tmp_path)
    with pytest.raises(UserError, match="no finished run"):
        explain("topk_models", run=tmp_path)


@pytest.mark.parametrize("later", ["run", "run-topk"])
def test_of_two_records_the_later_one_counts(tmp_path: Path, later: str) -> None:
    for name in ("run", "run-topk"):
        made = f"2026-01-0{2 if name == later else 1}T00:00:00+00:00"
        (tmp_path / f"{name}.json").write_text(json.dumps({"recorded": made, "name": name}))
        config = name.replace("run", "config")
        (tmp_path / f"{config}.yaml").write_text(f"run: {config}\n")
    address = parse("topk_models", study("topk").tables, study("topk").figures)
    assert RunFolder.of(address, tmp_path).record["name"] == later
    (tmp_path / "run.json").unlink()
    assert RunFolder.of(address, tmp_path).home == "results/config-topk"


def test_damaged_rows_are_not_explained(tmp_path: Path) -> None:
    copy = tmp_path / "reference"
    shutil.copytree(REFERENCE, copy)
    tidy = copy / "tidy" / "topk_models.csv"
    tidy.write_text(tidy.read_text().replace("0.98", "0.99", 1))
    (copy / "tidy" / "topk_study.json").write_text(
        json.dumps(
            json.loads((copy / "tidy" / "topk_study.json").read_text())
            | {"files": {"topk_models.csv": "0" * 64}}
        )
    )
    with pytest.raises(UserError, match="damaged or edited"):
        explain("topk_models", run=copy)


def test_the_examples_of_the_documentation_work(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "provenance.md").read_text(encoding="utf-8")
    examples = re.findall(r"advlearn explain (\S+)", page)
    assert len(examples) == 3
    for what in examples:
        assert found(what, capsys)["command"]
