"""What each job of a run notes of itself: how long its start took, and on which device it computed.

Nothing depends on the notes but tables of times. They are beside the lock of the run and not among
its results, which do not differ from run to run.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from advlearn.support.runlock import FOLDER, lock_of

CPU = "cpu"

_BEGAN = time.time()
_own: dict[str, object] = {}


class Note(NamedTuple):
    """What one job noted.

    Attributes:
        stage: stage that it ran.
        begin: seconds since the epoch.
        start: seconds until its stage began to work: imports, and opening the device.
        end: seconds since the epoch.
        device: ``cpu``, or the model of the GPU.
        output: the file that its options name; empty without one.
    """

    stage: str
    begin: float
    start: float
    end: float
    device: str
    output: str = ""


def begin_work(device: str = CPU) -> None:
    """Note that the start of this job is over.

    Args:
        device: where it computes: ``cpu``, or the model of the GPU.
    """
    _own.update(start=time.time() - _BEGAN, device=device)


def write_note(lock: Path, stage: str, arguments: Sequence[str]) -> None:
    """Write down what this job noted, at its end.

    Args:
        lock: lock of the run.
        stage: stage that it ran.
        arguments: options of the stage, which tell its jobs apart; what another job with the same
            options noted is replaced.
    """
    output = _output(arguments)
    # Tables and figures of all studies go to one folder.
    study = [option for option in pairwise(arguments) if option[0] == "--study"]
    told = "\0".join([output, *map("=".join, study)]) if output else "\0".join(arguments)
    key = hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
    path = _folder(lock) / stage / f"{key}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    note = Note(stage, _BEGAN, 0.0, time.time(), CPU, output)._asdict() | _own
    path.write_text(json.dumps(note), encoding="utf-8")


def read_notes(run: str, home: Path = FOLDER) -> list[Note]:
    """The notes of the jobs of a run; what is no note is left out.

    Args:
        run: name of the run.
        home: folder of its lock.
    """
    notes = []
    for path in sorted(_folder(home / lock_of(run).name).glob("*/*.json")):
        try:
            notes.append(Note(**json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, TypeError, ValueError):  # of a job that was killed while it wrote
            continue
    return notes


def _folder(lock: Path) -> Path:
    return lock.with_suffix("") / "jobs"


def _output(arguments: Sequence[str]) -> str:
    """The output that the options name; empty without one."""
    return next((value for option, value in pairwise(arguments) if option == "--out"), "")
