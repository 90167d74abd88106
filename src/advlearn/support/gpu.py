"""GPUs that jobs share: what a job may take of one, and which of several it goes to.

A small network leaves most of a GPU idle, and each job spends seconds on its start: several jobs on
one GPU fill these gaps. Each is told its share, by which it chooses its batches.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import IO

from advlearn.support.errors import UserError

WHOLE = 10_000
"""A whole GPU, in the unit of shares."""
VARIABLE = "ADVLEARN_GPU_SHARE"
"""Where a job finds its share of a GPU."""
JOB_MB = 4096
"""Memory for a job on small networks: half a gigabyte for its context, the rest for its batches."""

_UNKNOWN_MB = 16_384
"""Taken for the memory of a GPU that nobody can ask yet."""
_MOST = 16
"""More jobs than these are not faster: each has a context of its own on the device."""
_held: list[IO[bytes]] = []


@cache
def memories() -> tuple[int, ...]:
    """Memory of each GPU of this machine in MiB, as NVIDIA's driver tells it; empty without one."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    query = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(
            query, check=True, capture_output=True, encoding="utf-8", errors="replace", timeout=20
        ).stdout
        return tuple(int(line) for line in told.splitlines() if line.strip())
    except (OSError, ValueError, subprocess.SubprocessError):
        return ()


def jobs_at_once(asked: int | None, memory: Sequence[int], job_mb: int = JOB_MB) -> int:
    """Jobs that share one GPU.

    Args:
        asked: the number that the configuration asks for; it wins.
        memory: MiB of each GPU of this machine; the smallest decides. None: 16 GiB are assumed.
        job_mb: MiB that one job wants.
    """
    if asked is not None:
        return asked
    return max(1, min(_MOST, min(memory, default=_UNKNOWN_MB) // job_mb))


def share() -> float:
    """The share of a GPU's memory that this job may take, in (0, 1]; all of it where none is said.

    Raises:
        UserError: the environment says something else than a whole number of ten-thousandths.
    """
    told = os.environ.get(VARIABLE) or "0"
    if not told.isdecimal() or int(told) > WHOLE:
        raise UserError(
            f"the share of a GPU is a whole number from 1 to {WHOLE}, which is all of it",
            where=f"environment variable {VARIABLE}, value {told!r}",
            remedy="set it right, or unset it: a job by itself has the whole GPU",
        )
    return (int(told) or WHOLE) / WHOLE


def least_used(devices: int) -> int:
    """The GPU on which the fewest jobs of this user are; it counts this one until it ends.

    Args:
        devices: number of GPUs that this process sees.

    Returns:
        Its number among them.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    names = visible if len(visible) == devices else [str(number) for number in range(devices)]
    folder = Path(tempfile.gettempdir()) / f"advlearn-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    # The system gives a lock back with the process that holds it, however that ended.
    for place in count():
        for number, name in enumerate(names):
            stream = (folder / f"{name.replace('/', '_')}-{place}").open("ab")
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                stream.close()
                continue
            _held.append(stream)
            return number
    raise AssertionError("places do not end")
