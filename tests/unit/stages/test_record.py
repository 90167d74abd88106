import json
from pathlib import Path

import pytest
import yaml

from advlearn.stages.record import record
from advlearn.support import jobnotes
from advlearn.support.checksums import sha256_of
from advlearn.support.io import read_json

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def test_record_names_what_made_the_run(tmp_path: Path) -> None:
    run = tmp_path / "results" / "x"
    for name, row in {
        "craft/a.tsv": "2.5\t0:00:02\t100.5\t1\t1\t1\t0\t0\t99\t2\n",
        "craft/b.tsv": "1.5\t0:00:01\t300.25\t1\t1\t1\t0\t0\t99\t1\n",
        # A job that ends before Snakemake samples its memory.
        "select/c.tsv": "0.1\t0:00:00\tNA\tNA\tNA\tNA\tNA\tNA\t0\t0\n",
    }.items():
        path = run / "benchmarks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEADER + row)
    lock = tmp_path / "requirements.txt"
    lock.write_text("torch==2.13.0\n")
    (run / "tidy").mkdir()
    (run / "tidy" / "a.csv").write_text("x\n1\n")
    raw = {"name": "images", "sha256": "ab" * 32, "bytes": 3, "source": "mirror"}
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"dataset": "mnist", "files": [raw]}))
    config = {
        **{"run": "x", "seeds": [3], "threads": 1, "device": "cpu"},
        **{"selective": {"calibrate": {"seeds": [0, 1]}}, "topk": {"seeds": None}},
        "bilevel": {"seeds": [5]},
    }
    record(
        run=run,
        config=json.dumps(config),
        study_seeds='{"selective": [3], "topk": [3], "bilevel": [5], "calibrate": [0, 1]}',
        digests='{"craft": "abc", "pretrain": "def", "select": "ghi"}',
        lock=lock,
        manifests=[manifest],
        out=run / "run.json",
    )
    found = read_json(run / "run.json")
    assert found["code"] == {"craft": "abc", "pretrain": "def", "select": "ghi"}
    assert found["devices"] is None, "the jobs noted nothing"
    assert found["seeds"] == [3]
    assert found["study_seeds"] == {
        "selective": [3],
        "topk": [3],
        "bilevel": [5],
        "calibrate": [0, 1],
    }
    assert found["raw"] == {"mnist": {"images": "ab" * 32}}
    assert found["tidy"] == {"a.csv": sha256_of(run / "tidy" / "a.csv")}
    assert set(found["source"]) == {"commit", "changed"}
    craft = found["stages"]["craft"]
    assert {key: craft[key] for key in ("jobs", "seconds", "longest_seconds", "peak_mib")} == {
        "jobs": 2,
        "seconds": 4.0,
        "longest_seconds": 2.5,
        "peak_mib": 300.25,
    }
    assert craft["waiting_seconds"] >= 0
    assert craft["devices"] is craft["start_seconds"] is None, "the jobs noted nothing"
    assert found["stages"]["pretrain"] is None, "a stage that was not timed"
    assert found["stages"]["select"]["peak_mib"] is None, "unknown is null, never a guess"
    assert found["versions"]["torch"]
    assert yaml.safe_load((run / "config.yaml").read_text()) == config


def test_the_record_names_the_devices_that_the_jobs_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of jobs up to the tidy tables whose results are there; what was asked for is beside them."""
    monkeypatch.chdir(tmp_path)
    run = Path("results/x")
    lock = tmp_path / ".snakemake" / "advlearn-x.lock"
    for stage, device, output in (
        ("craft", "NVIDIA H100", "a.npy"),
        ("craft", "NVIDIA H100", "b.npy"),
        ("collect", "cpu", "c.csv"),
        ("figures", "cpu", "figures"),
        ("craft", "NVIDIA A100", "removed.npy"),
        ("topk_attack", "NVIDIA L4", "of-another-study.npy"),
    ):
        monkeypatch.setattr(jobnotes, "_own", {})
        jobnotes.begin_work(device)
        path = run / output
        jobnotes.write_note(lock, stage, ["--out", str(path)])
        if output != "removed.npy":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    (run / "tidy").mkdir()
    Path("requirements.txt").touch()
    record(
        run=run,
        config='{"run": "x", "seeds": [3], "threads": 1, "device": "auto"}',
        study_seeds="{}",
        digests='{"craft": "a", "collect": "b", "selective_figures": "c"}',
        lock=Path("requirements.txt"),
        out=run / "run-selective.json",
    )
    found = read_json(run / "run-selective.json")
    assert found["device"] == "auto"
    assert found["devices"] == {"NVIDIA H100": 2, "cpu": 1}


def test_a_study_alone_has_a_record_of_its_own(tmp_path: Path) -> None:
    """Without downloads, and without the tables of another study that was run before."""
    run = tmp_path / "results" / "x"
    (run / "tidy").mkdir(parents=True)
    for name in ("bilevel_path.csv", "topk_metrics.csv"):
        (run / "tidy" / name).write_text("x\n1\n")
    lock = tmp_path / "requirements.txt"
    lock.write_text("torch==2.13.0\n")
    config = {
        **{"run": "x", "seeds": [3], "threads": 1, "device": "cpu", "bilevel": {"seeds": [5]}},
        **{"selective": {"calibrate": {"seeds": [0]}}, "topk": {"seeds": None}},
    }
    record(
        run=run,
        config=json.dumps(config),
        study_seeds="{}",
        digests="{}",
        lock=lock,
        out=run / "run-bilevel.json",
    )
    found = read_json(run / "run-bilevel.json")
    assert list(found["tidy"]) == ["bilevel_path.csv"]
    assert found["raw"] == {}
    assert yaml.safe_load((run / "config-bilevel.yaml").read_text()) == config
    assert not (run / "run.json").exists()
