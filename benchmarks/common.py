"""What the benchmarks share: timing ours and the peer in turn, the machine, and the CSV.

Run from the root of the project, for example ``PYTHONPATH=src python -m benchmarks.ward``.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Timing:
    """Median seconds of both sides, and what the last call of each returned."""

    ours_s: float
    peer_s: float
    ours: Any
    peer: Any
    rounds: int

    @property
    def ratio(self) -> float:
        """How many times the peer's time ours is shorter."""
        return self.peer_s / self.ours_s


def in_turn(ours: Callable[[], Any], peer: Callable[[], Any], rounds: int) -> Timing:
    """Time ``ours`` and ``peer`` in turn, ``rounds`` times.

    Both see the same state of the machine, and every other round the peer goes first.
    """
    seconds: dict[str, list[float]] = {"ours": [], "peer": []}
    results: dict[str, Any] = {}
    calls = {"ours": ours, "peer": peer}
    for number in range(rounds):
        order = ("ours", "peer") if number % 2 == 0 else ("peer", "ours")
        for name in order:
            started = time.perf_counter()
            results[name] = calls[name]()
            seconds[name].append(time.perf_counter() - started)
            print(f"round {number + 1}/{rounds} {name}: {seconds[name][-1]:.2f} s", file=sys.stderr)
    return Timing(
        statistics.median(seconds["ours"]),
        statistics.median(seconds["peer"]),
        results["ours"],
        results["peer"],
        rounds,
    )


def machine(*packages: str) -> dict[str, str | int]:
    """The machine and the versions that a number was measured on; columns of each row."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line
            for line in cpuinfo.read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ]
        if names:
            processor = names[0].partition(":")[2].strip()
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        "python": platform.python_version(),
        "versions": " ".join(f"{name}={version(name)}" for name in packages),
    }


def reset_peak() -> float:
    """Start a new count of the peak memory; returns the memory in use now, in MB (10^6 bytes)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status_mb("VmRSS")


def peak_mb() -> float:
    """Largest resident memory of this process since `reset_peak`, in MB (10^6 bytes); Linux.

    Not ``ru_maxrss``: a new process starts with its parent's peak there.
    """
    return _status_mb("VmHWM")


def _status_mb(field: str) -> float:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"/proc/self/status has no {field}")


def in_subprocess(module: str, *arguments: str) -> dict[str, float]:
    """Run ``python -m module arguments`` and read the JSON on its last line.

    A peak of memory is that of a whole process, so each case needs its own.
    """
    result = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        check=True,
    )
    measured: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return measured


def write(rows: list[dict[str, Any]], out: Path) -> None:
    """Write rows as CSV and show them."""
    frame = pd.DataFrame(rows)
    out.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(out, index=False, float_format="%.4g")
    print(frame.drop(columns=["processor", "versions"], errors="ignore").to_string(index=False))
    print(f"written to {out}")
