"""Run all benchmarks one after the other and render docs/performance.md from what they wrote.

    python -m benchmarks.run_all --run results/paper

They need the prepared images and the FGSM images of a run, and torchattacks. Nothing else should
compute on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

CRAFTED = "adversarial/small/seed0/fgsm/train.npy"
DATA = "data/dataset.json"
# Cheap ones first.
NAMES = (
    "dry_run",
    "dag",
    "memory",
    "ward",
    "convex",
    "robust_accuracy",
    "topk",
    "table1",
    "tsne",
    "reductions",
    "genetic",
)
PEER_IS_TORCHATTACKS = ("robust_accuracy", "table1")


def arguments(name: str, run: Path, out: Path) -> list[str]:
    """Arguments after ``python`` of one benchmark."""
    own = {
        "robust_accuracy": ["--data", str(run / "data")],
        "tsne": ["--images", str(run / CRAFTED)],
        "reductions": ["--images", str(run / CRAFTED)],
        "memory": ["--run", str(run)],
        "table1": ["--unstructured-images", "30000"],
        "topk": ["--data", str(run / "data")],
    }
    return ["-m", f"benchmarks.{name}", *own.get(name, []), "--out", str(out / f"{name}.csv")]


def missing(names: list[str], run: Path) -> list[str]:
    """What has to be done before these benchmarks can run, one sentence each."""
    found = []
    needs = {"robust_accuracy": DATA, "topk": DATA, "memory": "benchmarks"}
    needs |= {"tsne": CRAFTED, "reductions": CRAFTED}
    for name in names:
        path = run / needs[name] if name in needs else None
        if path is not None and not path.exists():
            remedy = f"make it: snakemake --cores 2 {path}"
            if name == "memory":
                remedy = "finish a run first: make paper"
            found.append(f"{name} needs {path}; {remedy}")
    if set(names) & set(PEER_IS_TORCHATTACKS) and importlib.util.find_spec("torchattacks") is None:
        found.append("torchattacks is not installed; requirements-bench.txt says how")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--run", type=Path, default=Path("results/paper"), help="folder of a run")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    names = [name for name in NAMES if name in options.only]
    if sentences := missing(names, options.run):
        sys.exit("\n".join(sentences))

    python_path = [str(Path.cwd()), str(Path.cwd() / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, python_path))}
    failed = []
    for name in names:
        command = [sys.executable, *arguments(name, options.run, options.out)]
        print(f"--- {' '.join(command)}", file=sys.stderr, flush=True)
        if subprocess.run(command, env=environment, check=False).returncode:
            failed.append(name)
    report = [sys.executable, "-m", "benchmarks.report", "--results", str(options.out)]
    subprocess.run(report, env=environment, check=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
