"""What a run was made with: lock, source, versions, machine. Unknown is null, never a guess."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import advlearn

PACKAGES = (
    "snakemake", "torch", "torchvision", "numpy", "scipy", "scikit-learn", "hdbscan", "pandas",
    "clarabel", "matplotlib", "fastcluster", "openTSNE", "safetensors", "pydantic",
)  # fmt: skip


def lock_digest(lock: Path) -> str:
    """Digest of the lock file: pins only, so that comments do not rerun a study.

    Raises:
        FileNotFoundError: there is no such file.
    """
    pins = [line.split("#")[0].strip() for line in lock.read_text(encoding="utf-8").splitlines()]
    text = "\n".join(sorted(pin for pin in pins if pin))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def versions() -> dict[str, str | None]:
    """Versions of what computes the results, with null for what is not installed."""
    found: dict[str, str | None] = {
        "python": platform.python_version(),
        "advlearn": advlearn.__version__,
    }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def source(folder: Path) -> dict[str, Any]:
    """The commit of the code in ``folder``, and whether files of it were changed since.

    Both are null where the folder is not under git's control, as in an installed package.
    """
    unknown = {"commit": None, "changed": None}
    try:
        # A folder of packages may lie inside somebody else's repository.
        _git(folder, "ls-files", "--error-unmatch", "__init__.py")
        commit = _git(folder, "rev-parse", "HEAD")
        return {"commit": commit, "changed": bool(_git(folder, "status", "--porcelain", "--", "."))}
    except (OSError, subprocess.SubprocessError):
        return unknown


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=20,
    )
    return done.stdout.strip()


def machine() -> dict[str, Any]:
    """Processor, cores, memory, graphics processors and system of this machine."""
    return {
        "system": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "accelerators": _accelerators(),
    }


def now() -> str:
    """The time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def processor() -> str | None:
    """Model of the processor, none where the system does not say."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or None


def _accelerators(folder: Path = Path("/proc/driver/nvidia/gpus")) -> list[str] | None:
    """Models of NVIDIA's devices as its driver tells them; null where none has a driver here."""
    try:
        told = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*/information"))]
    except OSError:
        return None
    lines = [line.split(":", 1) for text in told for line in text.splitlines() if ":" in line]
    return [value.strip() for key, value in lines if key.strip() == "Model"] or None


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError):
        return None
