"""What is said of a finished run's numbers, held against the run itself."""

from __future__ import annotations

import csv
import hashlib
import json
import shlex
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.project import Project

pytestmark = pytest.mark.xdist_group("smoke")

RUN = "results/smoke"
NUMBER = "selective_table1_fgsm:kmeans,n_clusters=3,clean_accuracy,whitebox"


def explained(project: Project, what: str) -> dict[str, Any]:
    done = project.advlearn("explain", what, "--run", RUN, "--json")
    assert done.status == 0, done.output
    told: dict[str, Any] = json.loads(done.output)
    return told


@pytest.fixture(scope="module")
def number(smoke: Project) -> dict[str, Any]:
    return explained(smoke, NUMBER)


def test_the_rows_are_lines_of_the_tidy_table_and_give_the_number(
    smoke: Project, number: dict[str, Any]
) -> None:
    told = number["number"]
    part = next(each for each in told["rows"] if each["role"] == "values")
    with (smoke.root / part["path"]).open(encoding="utf-8", newline="") as stream:
        lines = [None, *csv.DictReader(stream)]
    rows = [lines[line - 1] for line in part["lines"]]
    assert [row["seed"] for row in rows if row] == ["0", "1"]
    values = [float(row["value"]) for row in rows if row]
    assert float(told["value"]) == pytest.approx(sum(values) / 2, rel=1e-9)
    with (smoke.root / RUN / "paper/tables/selective_table1_fgsm.csv").open() as stream:
        line = stream.read().splitlines()[told["line"] - 1]
    assert told["value"] in line.split(",")


def test_the_chain_has_the_jobs_of_the_number_alone(number: dict[str, Any]) -> None:
    rules = Counter(job["rule"] for job in number["jobs"])
    assert rules == {
        **{"download": 1, "prepare": 1, "pretrain": 2, "craft": 2, "embed": 2, "cluster": 8},
        **{"select": 2, "retrain": 2, "evaluate": 2, "collect": 1, "selective_tables": 1},
    }
    for job in number["jobs"]:
        assert job["wildcards"].get("attack", "fgsm") == "fgsm"
        assert job["wildcards"].get("reduction", "pca") == "pca"


def test_parameters_times_and_checksums_are_those_of_the_run(
    smoke: Project, number: dict[str, Any]
) -> None:
    made: set[str] = set()
    for job in number["jobs"]:
        assert job["recorded_parameters_are_these"] is True, job["rule"]
        assert job["started"], job["rule"]
        assert job["code"] == job["code_now"]
        assert f"-m advlearn {job['stage']} " in job["command"]
        assert (smoke.root / job["log"]).is_file()
        for file in job["outputs"]:
            content = (smoke.root / file["path"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == file["sha256"], file["path"]
        # A job comes after those that made its inputs.
        assert not {f for f in job["inputs"] if f.startswith(RUN)} & _later(number, job) - made
        made |= {file["path"] for file in job["outputs"]}
    evaluate = next(job for job in number["jobs"] if job["rule"] == "evaluate")
    assert evaluate["params"]["settings"]["attack"]["epsilon"] == 0.1


def _later(number: dict[str, Any], job: dict[str, Any]) -> set[str]:
    place = number["jobs"].index(job)
    return {file["path"] for each in number["jobs"][place:] for file in each["outputs"]}


@pytest.mark.parametrize(
    "what", [NUMBER, "topk_models", "figures/topk_transfer", "bilevel_staircase"]
)
def test_the_command_is_valid_and_finds_nothing_to_do(smoke: Project, what: str) -> None:
    told = explained(smoke, what)
    assert {file["made_again_the_same"] for file in told["files"]} == {True}
    _, *arguments = shlex.split(told["command"])
    config = arguments[arguments.index("--configfile") + 1]
    assert smoke.would_run(arguments[0], config=config) == {}


def test_the_command_makes_the_file_again(smoke: Project, tmp_path: Path) -> None:
    project = smoke.moved(tmp_path / "copy")
    told = explained(project, NUMBER)
    for file in told["files"]:
        (project.root / file["path"]).unlink()
    missing = explained(project, NUMBER.partition(":")[0])
    assert {file["sha256"] for file in missing["files"]} == {None}
    snakemake, *arguments = shlex.split(told["command"])
    assert Path(snakemake).name == "snakemake"
    config = arguments.index("--configfile")
    done = project.snakemake(arguments[0], config=arguments[config + 1])
    assert done.status == 0, done.output
    for file in told["files"]:
        content = (project.root / file["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file["sha256"]


def test_without_snakemakes_records_times_are_unknown_and_the_rest_is_known(
    smoke: Project, number: dict[str, Any], tmp_path: Path
) -> None:
    project = smoke.moved(tmp_path / "copy")
    shutil.rmtree(project.root / ".snakemake")
    told = explained(project, NUMBER)
    unknown = ("started", "seconds", "command", "recorded_parameters_are_these")
    for now, before in zip(told["jobs"], number["jobs"], strict=True):
        assert {now[name] for name in unknown} == {None}
        assert {**before, **dict.fromkeys(unknown)} == now
    done = project.advlearn("explain", NUMBER, "--all", "--run", RUN)
    assert "when it ran is unknown" in done.output


def test_changed_code_and_lost_files_are_told(smoke: Project, tmp_path: Path) -> None:
    project = smoke.moved(tmp_path / "copy")
    stage = project.root / "src/advlearn/studies/selective/stages/evaluate.py"
    stage.write_text(stage.read_text(encoding="utf-8") + "\nADDED = 1\n", encoding="utf-8")
    lost = f"{RUN}/retrained/small/seed0/fgsm/pca.safetensors"
    (project.root / lost).unlink()
    raw = {"name": "images.gz", "sha256": "ab" * 32, "bytes": 3, "source": "a mirror"}
    manifest = project.root / "results/raw/digits/manifest-smoke.json"
    manifest.write_text(json.dumps({"dataset": "digits", "files": [raw]}), encoding="utf-8")
    told = explained(project, NUMBER)
    assert told["jobs"][0]["raw"] == [raw]
    other = {job["rule"] for job in told["jobs"] if not job["recorded_parameters_are_these"]}
    assert other == {"evaluate"}
    outputs = {file["path"]: file["sha256"] for job in told["jobs"] for file in job["outputs"]}
    assert [path for path, checksum in outputs.items() if checksum is None] == [lost]
    screen = project.advlearn("explain", NUMBER, "--run", RUN).output
    assert "OTHER PARAMETERS than these: evaluate" in screen
    text = project.advlearn("explain", NUMBER, "--all", "--run", RUN).output
    assert text.count("OTHER PARAMETERS") == 2
    assert "the code here is another" in text
    assert "raw images.gz from a mirror" in text


def test_a_wrong_cell_lists_what_there_is(smoke: Project) -> None:
    done = smoke.advlearn("explain", "selective_table1_fgsm:kmeans,deepfool", "--run", RUN)
    assert done.status == 2
    assert "'deepfool' is in no line" in done.output
    assert "attack=fgsm" in done.output
    assert "Traceback" not in done.output


def test_a_study_that_was_run_alone_is_explained(smoke: Project, tmp_path: Path) -> None:
    project = smoke.moved(tmp_path / "copy")
    for name in ("run.json", "config.yaml", "report.html"):
        (project.root / RUN / name).unlink()
    done = project.snakemake("bilevel")
    assert done.status == 0, done.output
    told = explained(project, "bilevel_gamma_interval")
    assert {job["rule"] for job in told["jobs"]} >= {
        "bilevel_data",
        "bilevel_path",
        "bilevel_collect",
    }
    assert all(job["recorded_parameters_are_these"] for job in told["jobs"])
    record = json.loads((project.root / RUN / "run-bilevel.json").read_text(encoding="utf-8"))
    assert record["tidy"]
    assert all(name.startswith("bilevel_") for name in record["tidy"])
