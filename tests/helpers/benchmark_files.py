"""Snakemake's benchmark files."""

from __future__ import annotations

import os
from pathlib import Path


def write_job(folder: Path, path: str, seconds: float, end: float, memory: str = "NA") -> None:
    """Write the file of one job that ended at a time, with its peak memory in MiB."""
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    text = f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\t{memory}\n"
    file.write_text(text, encoding="utf-8")
    os.utime(file, (end, end))
