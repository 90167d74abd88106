"""Processor time and memory of each stage against the number of images, to 1,000,000, or features.

    python -m benchmarks.scaling --data results/RUN/data

Every point is a process of its own that runs the stage's command on one thread; its time is that
of the processor, so that other work on the machine counts little. A size whose time or memory, as
the sizes before foretell it, is above the limit is not run; neither are those after it.
``python -m benchmarks.scaling_page`` fits the curves, goes on along them, and fills
docs/scaling.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from advlearn.config import load_file
from benchmarks import common
from benchmarks.scaling_stages import MADE, Commands, Stage, preparations, stages

OUT = Path("benchmarks/results/scaling.csv")
_EVERY = 0.02


@dataclass(frozen=True)
class Cost:
    """What one process took.

    Attributes:
        cpu_s: processor time of all its threads, start and imports included.
        peak_mb: largest memory of its own; pages of mapped files, which the system can take back,
            do not count. Sampled 50 times a second.
    """

    cpu_s: float
    peak_mb: float


class Stopped(Exception):
    """A process that failed or was ended at its limit."""


def measured(command: list[str], limit_s: float, memory_mb: float, log: Path) -> Cost:
    """Run a command and measure it; it is ended at twice the limits.

    Raises:
        Stopped: it did not end well.
    """

    def limits() -> None:
        seconds, size = int(2 * limit_s) + 1, int(2e6 * memory_mb)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))

    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=stream, preexec_fn=limits, env=_environment()
        )
        peak, ended, status = 0.0, 0, 0
        while not ended:
            peak = max(peak, _own_mb(process.pid))
            time.sleep(_EVERY)
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = log.read_text(encoding="utf-8", errors="replace")
        raise Stopped(f"exit status {process.returncode}: {said[-600:]}")
    return Cost(usage.ru_utime + usage.ru_stime, peak)


def _own_mb(pid: int) -> float:
    """Memory of a process that is not a file's, in MB (10^6 bytes); 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    kib = [int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:"))]
    return sum(kib) * 1024 / 1e6


def _environment() -> dict[str, str]:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    path = os.pathsep.join(["src", ".", os.environ.get("PYTHONPATH", "")])
    return {**os.environ, **threads, "OMP_WAIT_POLICY": "passive", "PYTHONPATH": path}


def foretold(sizes: list[int], values: list[float], size: int) -> float:
    """The next value of a curve, for sizes in equal ratios.

    What a curve gained from one size to the next grows as it did before, and at least as the
    size; so the start of a process, which small sizes are mostly made of, does not grow.
    """
    if len(values) < 2:
        return values[0] * size / sizes[0] if values else 0.0
    gain, ratio = max(values[-1] - values[-2], 0.0), size / sizes[-1]
    before = values[-2] - values[-3] if len(values) > 2 else 0.0
    return values[-1] + gain * max(ratio, gain / before if before > 0 else 1.0)


def prepare(
    names: tuple[str, ...], folder: Path, size: int, made: dict[str, Commands], log: Path
) -> None:
    """Make what a stage needs and is not there yet."""
    for name in names:
        if (folder / MADE[name]).exists():
            continue
        for command in made[name](folder, size):
            with log.open("wb") as stream:
                subprocess.run(
                    command, check=True, stdout=stream, stderr=stream, env=_environment()
                )


def curve(
    stage: Stage, work: Path, made: dict[str, Commands], limit_s: float, memory_mb: float
) -> list[dict[str, object]]:
    """One row a size: measured, or the reason why it was not."""
    rows: list[dict[str, object]] = []
    sizes: list[int] = []
    costs: list[Cost] = []
    for size in stage.sizes:
        folder, log = work / str(size), work / f"{stage.name} {size}.log"
        folder.mkdir(exist_ok=True)
        row: dict[str, object] = {"stage": stage.name, "n": size, "unit": stage.unit}
        row |= {"what": stage.what, "models": stage.models}
        seconds = foretold(sizes, [cost.cpu_s for cost in costs], size)
        memory = foretold(sizes, [cost.peak_mb for cost in costs], size)
        reason = ""
        if seconds > limit_s:
            reason = f"time: about {seconds:.0f} s foretold"
        elif memory > memory_mb:
            reason = f"memory: about {memory:.0f} MB foretold"
        else:
            try:
                prepare(stage.needs, folder, size, made, log)
                cost = measured(stage.command(folder, size), limit_s, memory_mb, log)
            except (Stopped, subprocess.CalledProcessError) as error:
                reason = " ".join(str(error).split())[-300:]
        if reason:
            print(f"{stage.name} {size}: stopped: {reason}", file=sys.stderr, flush=True)
            rows.append({**row, "stopped": reason})
            break
        sizes.append(size)
        costs.append(cost)
        rows.append({**row, "cpu_s": cost.cpu_s, "peak_mb": cost.peak_mb})
        print(
            f"{stage.name} {size}: {cost.cpu_s:.1f} s, {cost.peak_mb:.0f} MB",
            file=sys.stderr,
            flush=True,
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="folder of prepared MNIST, for what has images")
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    parser.add_argument("--only", nargs="+", metavar="STAGE", help="keep the other rows of --out")
    parser.add_argument("--limit", type=float, default=120, help="seconds of one point")
    parser.add_argument("--memory", type=float, default=8000, help="MB of one point")
    parser.add_argument("--most", type=int, default=1_000_000, help="largest size")
    parser.add_argument("--work", type=Path, help="folder to work in and keep")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    config = load_file(options.config)
    work = options.work or Path(tempfile.mkdtemp(prefix="scaling-"))
    models = work / "models"
    models.mkdir(parents=True, exist_ok=True)
    classifier, scenes_model = models / "classifier.safetensors", models / "scenes.safetensors"
    every = stages(config, classifier, scenes_model)
    if unknown := set(options.only or ()) - {stage.name for stage in every}:
        sys.exit(f"no stage is called {unknown}; known: {[stage.name for stage in every]}")
    chosen = [stage for stage in every if not options.only or stage.name in options.only]
    images = any(stage.unit == "images" for stage in chosen)
    if images and options.data is None:
        parser.error("stages on images need --data")
    made = preparations(config, options.data or Path(), classifier)
    try:
        if images:
            prepare(("models",), models, 0, made, work / "models.log")
        machine = common.machine("torch", "scikit-learn", "openTSNE", "fastcluster", "hdbscan")
        for stage in chosen:
            rows = curve(stage, work, made, options.limit, options.memory)
            keep = [] if not options.out.exists() else _others(options.out, stage.name)
            rows = [{**row, "limit_s": options.limit, **machine} for row in rows]
            order = [each.name for each in every]
            found = sorted(
                [*keep, *rows], key=lambda row: (order.index(str(row["stage"])), int(str(row["n"])))
            )
            common.write(found, options.out)
    finally:
        if options.work is None:
            shutil.rmtree(work)


def _others(path: Path, stage: str) -> list[dict[str, object]]:
    frame = pd.read_csv(path)
    kept = frame[frame["stage"] != stage].to_dict(orient="records")
    return [{str(name): value for name, value in row.items()} for row in kept]


if __name__ == "__main__":
    main()
