"""One run of a name at a time in a folder, with a lock that no killed process leaves behind.

Snakemake's own lock is a file that outlives its owner: after SIGKILL the next run is refused until
somebody unlocks by hand. Here the system holds the lock (flock(2)) and gives it back with the last
process that holds it, however that ended. A run takes it alone, which no other run of its name and
no job of one may then hold, and shares it from then on with its jobs; a run whose jobs outlived it
still counts. Runs of different names write different files; raw files, which they share, are
written by one process at a time (``data.fetch``).

The time of the lock file is that of the last work of the run. What is out of date is decided by
the times of files, so a clock that was set back since stops the work.
"""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO

from advlearn.support.errors import UserError

FOLDER = Path(".snakemake")
VARIABLE = "ADVLEARN_LOCK"
"""Where jobs find the lock of their run."""

_TOLERATED = 2.0
_held: list[IO[bytes]] = []


def lock_of(run: str) -> Path:
    """The lock of a run, in the current folder.

    Args:
        run: name of the run, which is one of a file.
    """
    return FOLDER / f"advlearn-{run}.lock"


def begin(path: Path) -> None:
    """Take the lock for a run alone; it is held until this process ends. ``share`` comes next.

    Args:
        path: the lock of the run.

    Raises:
        UserError: another run of this name, or a job of one that was killed, works in this folder,
            or the clock was set back.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = path.open("ab")
    if not _lock(stream, fcntl.LOCK_EX):
        others = _holders(stream)
        stream.close()
        raise UserError(
            "another run of this name is at work in this folder"
            + (f" (process {others})" if others else ""),
            where=str(path.absolute()),
            remedy="wait until it has ended, or end it; a run of another name may work beside it"
            " (key 'run' of the configuration). After a run that was killed its last jobs"
            " may still be at work: they count too",
        )
    _held.append(stream)
    record_activity(path)


def share(path: Path) -> None:
    """Share the lock with the jobs of this run, which has held it alone until now.

    Args:
        path: the lock of the run.

    Raises:
        UserError: another run of this name began in the very same moment.
    """
    if _held and not _lock(_held[-1], fcntl.LOCK_SH):
        raise UserError(
            "another run of this name began in this folder at the same moment",
            where=str(path.absolute()),
            remedy="run the command again when the other run has ended",
        )
    os.environ[VARIABLE] = str(path.absolute())


def join() -> Path | None:
    """Hold the lock of the run that this job belongs to, until the job's process ends.

    Returns:
        The lock, none for a stage that was called without a run.

    Raises:
        UserError: the clock was set back.
    """
    name = os.environ.get(VARIABLE)
    if not name or not Path(name).is_file():
        return None
    stream = Path(name).open("ab")  # noqa: SIM115 (held until the process ends)
    with suppress(OSError):  # the run has said so
        fcntl.flock(stream, fcntl.LOCK_SH)
    _held.append(stream)
    record_activity(Path(name))
    return Path(name)


def record_activity(path: Path) -> None:
    """Note that there is work now.

    Raises:
        UserError: by the same clock there was work later than now.
    """
    before = path.stat()
    os.utime(path)
    # Both times are of the clock of the file system, which may be another machine's.
    now = path.stat().st_mtime
    if before.st_mtime - now <= _TOLERATED:
        return
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    raise UserError(
        f"the clock was set back: the last work here was at {_format_time(before.st_mtime)},"
        f" and now it is {_format_time(now)}",
        where=f"time of {path.absolute()}; what is out of date is decided by the times of files",
        remedy="set the clock right. If it is right now and was wrong before, remove what was made"
        f" meanwhile (find results -type f -newermt now -delete; rm {path}) and run again",
    )


def _lock(stream: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(stream, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        print(
            f"note: this file system cannot lock ({error.strerror}): see to it yourself that no"
            " two runs of one name work in this folder at once",
            file=sys.stderr,
        )
    return True


def _holders(stream: IO[bytes]) -> str:
    """Numbers of the processes that hold the lock, as far as the system tells."""
    state = os.fstat(stream.fileno())
    device = f"{os.major(state.st_dev):02x}:{os.minor(state.st_dev):02x}:{state.st_ino}"
    try:
        lines = Path("/proc/locks").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    rows = [line.split() for line in lines]
    return ", ".join(sorted({row[4] for row in rows if row[5:6] == [device] and row[1] == "FLOCK"}))


def _format_time(time: float) -> str:
    return datetime.fromtimestamp(time).astimezone().isoformat(sep=" ", timespec="seconds")
