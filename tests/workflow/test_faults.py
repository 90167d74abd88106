"""Damaged files and failing jobs: an error that names the file, and nothing made from it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers.damage import change_digit, cut, empty, flip, flip_one, lose_rows
from tests.workflow.project import Finished, Project

pytestmark = pytest.mark.xdist_group("smoke")

RUN, LOGS = "results/smoke", "logs/smoke"
LINE = "small/seed0/fgsm/tsne"


def damaged(
    smoke: Project, folder: Path, file: str, damage: Callable[[bytes], bytes]
) -> tuple[Project, Path]:
    project = smoke.moved(folder)
    path = project.root / RUN / file
    path.write_bytes(damage(path.read_bytes()))
    return project, path


# Each: the file, what happens to it, the result that is asked for, the log of the job that must
# fail. The job reads nothing else that is new.
DAMAGES = [
    pytest.param(
        "models/small/seed0/classifier.safetensors", cut,
        f"{RUN}/adversarial/small/seed0/fgsm/outcomes.parquet",
        f"{LOGS}/craft/small/seed0/fgsm.log",
        id="weights",
    ),
    pytest.param(
        "adversarial/small/seed0/fgsm/outcomes.parquet", cut,
        f"{RUN}/selections/{LINE}.csv", f"{LOGS}/select/{LINE}.log",
        id="outcomes",
    ),
    pytest.param(
        f"embeddings/{LINE}.npy", cut,
        f"{RUN}/clusters/{LINE}/kmeans.parquet", f"{LOGS}/cluster/{LINE}/kmeans.log",
        id="embedding",
    ),
    pytest.param(
        f"selections/{LINE}.npz", flip,
        f"{RUN}/retrained/{LINE}.safetensors", f"{LOGS}/retrain/{LINE}.log",
        id="selected positions",
    ),
    pytest.param(
        "adversarial/small/seed0/fgsm/test.npy", cut,
        f"{RUN}/evaluation/{LINE}.csv", f"{LOGS}/evaluate/{LINE}.log",
        id="adversarial images",
    ),
    pytest.param(
        f"evaluation/{LINE}.csv", lose_rows,
        "selective_tables", f"{LOGS}/collect.log",
        id="rows of the evaluation",
    ),
    pytest.param(
        "tidy/selective_metrics.csv", cut,
        "selective_tables", f"{LOGS}/tables/selective.log",
        id="tidy table",
    ),
    pytest.param(
        "tidy/selective_metrics.csv", lose_rows,
        "selective_tables", f"{LOGS}/tables/selective.log",
        id="rows of a tidy table",
    ),
    pytest.param(
        "tidy/selective_examples.npz", cut,
        "selective_figures", f"{LOGS}/figures/selective.log",
        id="tidy arrays",
    ),
    pytest.param(
        "tidy/selective_examples.npz", empty,
        "selective_figures", f"{LOGS}/figures/selective.log",
        id="empty tidy arrays",
    ),
    pytest.param(
        "topk/data/images.npy", cut,
        f"{RUN}/topk/models/resnet/seed0.safetensors", f"{LOGS}/topk_pretrain/resnet/seed0.log",
        id="scenes",
    ),
    pytest.param(
        "topk/models/resnet/seed0.safetensors", cut,
        f"{RUN}/topk/attacks/resnet/transfer/seed0.parquet",
        f"{LOGS}/topk_search/resnet/seed0.log",
        id="weights of study 2",
    ),
    pytest.param(
        "topk/attacks/resnet/transfer/seed0.npy", cut,
        f"{RUN}/topk/transfer/seed0.csv", f"{LOGS}/topk_transfer/seed0.log",
        id="perturbed images",
    ),
    pytest.param(
        "topk/attacks/resnet/transfer/seed0.parquet", flip,
        f"{RUN}/topk/transfer/seed0.csv", f"{LOGS}/topk_transfer/seed0.log",
        id="outcomes of study 2",
    ),
    pytest.param(
        "topk/transfer/seed0.csv", lose_rows,
        "topk_tables", f"{LOGS}/topk_collect.log",
        id="rows of the transfer",
    ),
    pytest.param(
        "topk/models/resnet/seed0.metrics.csv", lose_rows,
        "topk_tables", f"{LOGS}/topk_collect.log",
        id="rows of a classifier",
    ),
    pytest.param(
        "tidy/topk_metrics.csv", change_digit,
        "topk_tables", f"{LOGS}/tables/topk.log",
        id="a digit of a tidy table of study 2",
    ),
    pytest.param(
        "tidy/topk_examples.npz", cut,
        "topk_figures", f"{LOGS}/figures/topk.log",
        id="tidy arrays of study 2",
    ),
    pytest.param(
        "bilevel/data/blobs.npz", cut,
        f"{RUN}/bilevel/path/blobs.npz", f"{LOGS}/bilevel_path/blobs.log",
        id="point set",
    ),
    pytest.param(
        "bilevel/path/blobs.npz", flip,
        f"{RUN}/bilevel/certify/blobs/sandwich.csv", f"{LOGS}/bilevel_certify/blobs.log",
        id="clusterpath",
    ),
    pytest.param(
        "bilevel/attack/blobs/seed0.staircase.csv", lose_rows,
        "bilevel_tables", f"{LOGS}/bilevel_collect.log",
        id="rows of the staircase",
    ),
    pytest.param(
        "bilevel/certify/blobs/sandwich.csv", lose_rows,
        "bilevel_tables", f"{LOGS}/bilevel_collect.log",
        id="rows of the certificates",
    ),
    pytest.param(
        "tidy/bilevel_sandwich.csv", change_digit,
        "bilevel_figures", f"{LOGS}/figures/bilevel.log",
        id="another number in a tidy table of study 3",
    ),
]  # fmt: skip

# Each: the file of which one byte changes, the result that is asked for, the log of its job.
FLIPS = {
    "models/small/seed0/classifier.safetensors": (
        f"{RUN}/adversarial/small/seed0/fgsm/outcomes.parquet", "craft/small/seed0/fgsm",
    ),
    "data/train_images.npy": (
        f"{RUN}/models/small/seed0/classifier.safetensors", "pretrain/small/seed0",
    ),
    "adversarial/small/seed0/fgsm/train.npy": (f"{RUN}/embeddings/{LINE}.npy", f"embed/{LINE}"),
    f"embeddings/{LINE}.npy": (
        f"{RUN}/clusters/{LINE}/kmeans.parquet", f"cluster/{LINE}/kmeans",
    ),
    f"clusters/{LINE}/kmeans.parquet": (f"{RUN}/selections/{LINE}.csv", f"select/{LINE}"),
    f"selections/{LINE}.csv": (f"{RUN}/evaluation/{LINE}.csv", f"evaluate/{LINE}"),
    f"retrained/{LINE}.safetensors": (f"{RUN}/evaluation/{LINE}.csv", f"evaluate/{LINE}"),
    f"evaluation/{LINE}.csv": ("selective_tables", "collect"),
    "strength/small/seed0/fgsm/pca.csv": ("selective_tables", "collect"),
    "search/second/0.csv": ("selective_tables", "collect"),
    "topk/models/resnet/seed0.metrics.csv": ("topk_tables", "topk_collect"),
    "topk/attacks/resnet/global/seed0.parquet": ("topk_tables", "topk_collect"),
    "bilevel/path/blobs.csv": ("bilevel_tables", "bilevel_collect"),
    "bilevel/onepoint.csv": ("bilevel_tables", "bilevel_collect"),
}  # fmt: skip
DAMAGES += [
    pytest.param(file, flip_one, target, f"{LOGS}/{log}.log", id=f"a byte of {file}")
    for file, (target, log) in FLIPS.items()
]


@pytest.mark.parametrize(("file", "damage", "target", "log"), DAMAGES)
def test_a_damaged_file_stops_the_job_that_reads_it(
    smoke: Project,
    tmp_path: Path,
    file: str,
    damage: Callable[[bytes], bytes],
    target: str,
    log: str,
) -> None:
    project, path = damaged(smoke, tmp_path / "copy", file, damage)
    tables = project.bytes_of(f"{RUN}/paper/tables/*")
    done = project.snakemake(target)
    # Wrong tables are worse than none: those there are, are the old ones.
    for name, content in tables.items():
        now = project.root / name
        assert not now.exists() or now.read_bytes() == content, f"{name} was made from {file}"
    assert done.status != 0, done.output
    said = (project.root / log).read_text(encoding="utf-8")
    assert "error: " in said, said
    assert path.name in said, said
    assert "remedy:" in said
    assert "Traceback" not in said


def failed_craft(smoke: Project, folder: Path) -> tuple[Project, Finished]:
    project, _ = damaged(smoke, folder, "models/small/seed0/classifier.safetensors", cut)
    return project, project.snakemake(f"{RUN}/adversarial/small/seed0/fgsm/outcomes.parquet")


def test_a_stage_that_fails_before_the_pipe_fails_its_job(smoke: Project, tmp_path: Path) -> None:
    project, done = failed_craft(smoke, tmp_path / "copy")
    # `stage 2>&1 | tee log` has the status of tee, which is always content, without pipefail.
    assert done.status != 0
    assert "Error in rule craft" in done.output
    # The message is in the log and, through tee, before the user's eyes.
    log = (project.root / LOGS / "craft/small/seed0/fgsm.log").read_text(encoding="utf-8")
    message = next(text for text in log.splitlines() if text.startswith("error: "))
    assert message in done.output
    # Nothing of the failed job stays to be taken for a result.
    folder = project.root / RUN / "adversarial/small/seed0/fgsm"
    assert not list(folder.glob("*"))


def test_a_damaged_file_that_is_deleted_is_made_again(smoke: Project, tmp_path: Path) -> None:
    # The remedy that the message gives.
    project, done = failed_craft(smoke, tmp_path / "copy")
    assert "delete the file and run the workflow again" in done.output
    (project.root / RUN / "models/small/seed0/classifier.safetensors").unlink()
    target = f"{RUN}/adversarial/small/seed0/fgsm/outcomes.parquet"
    assert project.would_run(target) == {"pretrain": 1, "craft": 1}


def test_results_that_cannot_be_written_are_an_error(project: Project) -> None:
    # A file where the folder belongs: also root cannot write there.
    (project.root / "results").write_text("in the way")
    done = project.snakemake("--until", "download")
    assert done.status != 0
    assert "results" in done.output


@pytest.mark.parametrize("lost", ["models/small/seed1/classifier.safetensors", f"{LINE}.npy"])
def test_a_lost_intermediate_is_made_again_when_it_is_needed(
    smoke: Project, tmp_path: Path, lost: str
) -> None:
    project = smoke.moved(tmp_path / "copy")
    # As long as nothing is to be made from it, nobody misses it.
    path = project.root / RUN / (lost if lost.startswith("models") else f"embeddings/{lost}")
    path.unlink()
    assert project.would_run() == {}
    rule = "pretrain" if lost.startswith("models") else "embed"
    assert project.would_run(str(path.relative_to(project.root))) == {rule: 1}


@contextmanager
def mounted(folder: Path, *mount: str) -> Iterator[None]:
    """A file system on ``folder``; the test is skipped where none can be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *mount, folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_is_an_error_and_room_is_the_remedy(project: Project) -> None:
    with mounted(project.root / "results", "-t", "tmpfs", "-o", "size=40k", "none"):
        done = project.snakemake("--until", "prepare")
        assert done.status != 0
        assert "cannot write" in done.output
        assert "is the disk full?" in done.output
        assert "free some space" in done.output
        assert "Traceback" not in done.output
        assert not list((project.root / RUN).glob("data/dataset.json"))
    done = project.snakemake("--until", "prepare")
    assert done.status == 0, done.output


def test_a_read_only_folder_is_an_error_and_nothing_else_happens(
    smoke: Project, tmp_path: Path
) -> None:
    project = smoke.moved(tmp_path / "copy")
    results = project.root / "results"
    tables = project.bytes_of(f"{RUN}/paper/tables/*")
    project.edit("src/advlearn/metrics/accuracy.py", "int = 500) ->", "int = 501) ->")
    with mounted(results, "--bind", str(results)):
        subprocess.run(["mount", "-o", "remount,bind,ro", results], check=True)
        done = project.snakemake()
        assert done.status != 0
        assert "Write-protected output files" in done.output  # Snakemake's own words
    assert project.bytes_of(f"{RUN}/paper/tables/*") == tables


def test_two_runs_at_once_are_refused_and_the_first_goes_on(project: Project) -> None:
    log = project.root / "first.log"
    with log.open("wb") as stream:
        first = subprocess.Popen(
            [
                Path(sys.executable).with_name("snakemake"), "--cores", "1", "--nocolor",
                "--until", "prepare", "--configfile", "config/smoke.yaml",
            ],
            cwd=project.root, env=project.environment(), stdin=subprocess.DEVNULL,
            stdout=stream, stderr=subprocess.STDOUT,
        )  # fmt: skip
    until = time.monotonic() + 120
    while b"Execute" not in log.read_bytes() and time.monotonic() < until:
        assert first.poll() is None, log.read_text(encoding="utf-8")
        time.sleep(0.02)
    first.send_signal(signal.SIGSTOP)  # it has the lock, and must not end before the second asks
    try:
        second = project.snakemake("--until", "prepare")
    finally:
        first.send_signal(signal.SIGCONT)
    assert first.wait(300) == 0, log.read_text(encoding="utf-8")
    assert second.status != 0
    assert "another run of this name is at work in this folder" in second.output
    assert str(first.pid) in second.output
    assert "remedy:" in second.output
    assert "Traceback" not in second.output
    assert project.would_run("--until", "prepare") == {}


def test_a_clock_set_back_stops_the_run_before_any_job(smoke: Project, tmp_path: Path) -> None:
    project = smoke.moved(tmp_path / "copy")
    lock = project.root / ".snakemake" / "advlearn-smoke.lock"
    later = time.time() + 86400
    os.utime(lock, (later, later))
    project.edit("src/advlearn/report/style.py", "COLUMN_WIDTH = 3.4", "COLUMN_WIDTH = 3.5")
    done = project.snakemake()
    assert done.status != 0
    assert "the clock was set back" in done.output
    assert "remedy:" in done.output
    assert "Finished jobid" not in done.output


def test_results_from_the_future_are_made_again_after_the_remedy(
    smoke: Project, tmp_path: Path
) -> None:
    project = smoke.moved(tmp_path / "copy")
    later = time.time() + 86400
    future = [project.root / RUN / "paper/tables/topk_global.csv"]
    future.append(project.root / ".snakemake" / "advlearn-smoke.lock")
    for path in future:
        os.utime(path, (later, later))
    project.edit("src/advlearn/report/style.py", "COLUMN_WIDTH = 3.4", "COLUMN_WIDTH = 3.5")
    done = project.snakemake("topk")
    assert done.status != 0
    assert "the clock was set back" in done.output
    for command in (
        "find results -type f -newermt now -delete",
        "rm .snakemake/advlearn-smoke.lock",
    ):
        assert command in done.output.replace(str(project.root) + "/", "")
        assert project.run("sh", "-c", command).status == 0
    assert not future[0].exists()
    done = project.snakemake("topk")
    assert done.status == 0, done.output
    assert future[0].read_bytes() == (smoke.root / future[0].relative_to(project.root)).read_bytes()
