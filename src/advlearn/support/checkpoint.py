"""Progress of a job outside its outputs, so that a job that was killed resumes where it was."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from advlearn.support.checksums import sha256_of
from advlearn.support.codedigest import code_digest, edited, source_stamps
from advlearn.support.errors import UserError
from advlearn.support.io import write_bytes, write_npy
from advlearn.support.provenance import processor, versions

SavedState = dict[str, Any]
"""What one step of a job came to: numpy arrays, and values that JSON can hold."""

VARIABLE = "ADVLEARN_SAVE_SECONDS"
"""Seconds from one save to the next, at least; 20 where the environment does not say."""

_EVERY = 20.0
# A save waits at least as many times as long as the last one took: progress costs at most 1 %.
_INTERVAL_PER_SAVE = 100.0
# Of the seconds between saves: what takes less is not worth a file of its own.
_FILE_WORTH = 0.05
_DIGEST = 32


class Checkpoint:
    """Finished parts of one job and the state of the unfinished part, in a file beside the output.

    ``.NAME.progress`` beside the output NAME holds one part a step and belongs to one job alone:
    its stage, parameters, inputs (their contents), code, packages and processor. Progress of
    anything else, or damaged progress, is not used; the job then starts from the beginning and says
    so. The file is written whole or not at all, at most every 20 seconds and never for more than a
    hundredth of the job's time, and is removed when the job succeeds.

    Args:
        out: output of the job.
        module: module of the stage, on whose code the progress depends.
        parameters: all else that the result depends on; its ``repr`` counts.
        inputs: files, or folders of which every file counts.
    """

    def __init__(
        self, out: Path, module: str, parameters: Iterable[object], inputs: Iterable[Path]
    ) -> None:
        self.path: Path | None = out.with_name(f".{out.name}.progress")
        self._least = self._every = _seconds()
        self._saved = time.monotonic()
        self._parts: dict[str, SavedState] = {}
        # Most jobs end before they save: the code is read with the first save, and an edit until
        # then must not be taken for what made the parts.
        self._module, self._code = module, source_stamps()
        self._own = repr((module, *parameters, versions(), processor()))
        self._inputs = [file for path in inputs for file in _files(path)]
        self._stamps = [_stamp(file) for file in self._inputs]
        self._key: bytes | None = None
        if self.path.is_file():
            self._restore(self.path)

    @classmethod
    def off(cls) -> Checkpoint:
        """A checkpoint that keeps nothing, for callers without a job."""
        made = cls.__new__(cls)
        made.path, made._parts, made._saved, made._every = None, {}, 0.0, math.inf
        return made

    @property
    def due(self) -> bool:
        """Whether the last save is long enough ago for another one."""
        return self.path is not None and time.monotonic() - self._saved >= self._every

    def get(self, name: str) -> SavedState | None:
        """The part of that name, if there is one."""
        return self._parts.get(name)

    def put(self, name: str, part: SavedState) -> None:
        """Keep a part, and save all parts if that is due."""
        if self.path is None:
            return
        self._parts[name] = part
        if self.due:
            self.save()

    def drop(self, name: str) -> None:
        """Forget a part that is no longer needed."""
        self._parts.pop(name, None)

    def once(self, name: str, make: Callable[[], SavedState]) -> SavedState:
        """The part of that name: the one that was kept, or what ``make`` returns.

        Values go through JSON in both cases, so that a resumed job sees the same types.
        """
        part = self.get(name)
        if part is None:
            part = _as_restored(make())
            self.put(name, part)
        return part

    def array(self, name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Like ``once`` for one large array, which is kept in a file of its own and not in memory.

        It is written as soon as it is made, if making it took longer than a second.

        Args:
            name: a part of the file's name: ``.NAME.progress-name.npy``.
            make: makes the array.
        """
        if self.path is None:
            return make()
        file = self.path.with_name(f"{self.path.name}-{name}.npy")
        if (part := self.get(name)) is not None:
            try:
                if sha256_of(file) == part["sha256"]:
                    kept: np.ndarray = np.load(file, allow_pickle=False)
                    return kept
                _say(f"{file} is damaged and is not used: it is rebuilt")
            except OSError as error:
                _say(f"{file} cannot be read ({error}): it is rebuilt")
        started = time.monotonic()
        made = make()
        if time.monotonic() - started >= _FILE_WORTH * self._least:
            try:
                write_npy(file, made)
            except UserError as error:
                self._stop(error.what)
            else:
                self.put(name, {"sha256": sha256_of(file)})
        return made

    def save(self) -> None:
        """Write all parts now. A disk that is full costs the progress, not the job."""
        if self.path is None:
            return
        started = time.monotonic()
        if [_stamp(file) for file in self._inputs] != self._stamps:
            # Nobody can say what the parts were made from.
            self._stop("an input of this job has changed while it ran")
            return
        if self._key is None:
            self._key = self._identity()
            if edited(self._module, self._code):
                self._stop("the code of this job has changed while it ran")
                return
        content = _encode(self._parts)
        try:
            write_bytes(self.path, self._key + hashlib.sha256(content).digest() + content)
        except UserError as error:
            self._stop(error.what)
            return
        self._saved = time.monotonic()
        self._every = max(self._least, _INTERVAL_PER_SAVE * (self._saved - started))

    def finish(self) -> None:
        """Remove the progress: the outputs are there."""
        if self.path is not None:
            self._clear(self.path)

    def _stop(self, why: str) -> None:
        _say(f"progress is no longer saved: {why}")
        assert self.path is not None
        self._clear(self.path)
        self.path = None

    @staticmethod
    def _clear(path: Path) -> None:
        path.unlink(missing_ok=True)
        for file in path.parent.iterdir():
            if file.name.startswith(f"{path.name}-"):
                file.unlink(missing_ok=True)

    def _identity(self) -> bytes:
        total = hashlib.sha256(f"{self._own}\0{code_digest(self._module)}".encode())
        for file in self._inputs:
            total.update(f"\0{file.name}\0{sha256_of(file)}".encode())
        return total.digest()

    def _restore(self, path: Path) -> None:
        self._key = self._identity()
        try:
            stored = path.read_bytes()
            head, content = stored[: 2 * _DIGEST], stored[2 * _DIGEST :]
            if head[_DIGEST:] != hashlib.sha256(content).digest():
                _say(f"{path} is damaged and is not used: the job starts anew")
            elif head[:_DIGEST] != self._key:
                _say(
                    f"{path} is of other parameters, inputs, code, packages or another processor"
                    " and is not used: the job starts anew"
                )
            else:
                self._parts = _decode(content)
                _say(f"resumed from {path}: {len(self._parts)} parts are done or in hand")
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            _say(f"{path} cannot be read ({error}): the job starts anew")


def _seconds() -> float:
    given = os.environ.get(VARIABLE)
    try:
        seconds = float(given) if given else _EVERY
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise UserError(
            "the seconds between two saves of progress must be a number from 0 on",
            where=f"environment variable {VARIABLE}={given}",
            remedy="correct it or take it away",
        )
    return seconds


def _say(text: str) -> None:
    print(f"note: {text}", file=sys.stderr, flush=True)


def _files(path: Path) -> list[Path]:
    """The file, or the files of the folder that are not hidden."""
    if not path.is_dir():
        return [path]
    return sorted(
        file for file in path.iterdir() if file.is_file() and not file.name.startswith(".")
    )


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        state = file.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns


def _as_restored(part: SavedState) -> SavedState:
    """The part as it comes back from the file: also the layout of an array decides last digits."""
    return {
        name: (
            (value if value.flags.forc else np.ascontiguousarray(value))
            if isinstance(value, np.ndarray)
            else json.loads(json.dumps(value, default=_number))
        )
        for name, value in part.items()
    }


def _number(value: object) -> object:
    """Numbers of numpy as those of Python."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be kept: {value!r}")


def _encode(parts: Mapping[str, SavedState]) -> bytes:
    arrays: dict[str, np.ndarray] = {}
    values: dict[str, SavedState] = {}
    for name, part in parts.items():
        values[name] = {}
        for key, value in part.items():
            if isinstance(value, np.ndarray):
                # Zip names cannot be trusted with every character of a part's name.
                values[name][key] = {"array": len(arrays)}
                arrays[f"a{len(arrays)}"] = value
            else:
                values[name][key] = {"value": value}
    text = json.dumps(values).encode()
    stream = io.BytesIO()
    np.savez(stream, text=np.frombuffer(text, dtype=np.uint8), **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def _decode(content: bytes) -> dict[str, SavedState]:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        values = json.loads(archive["text"].tobytes())
        return {
            name: {
                key: archive[f"a{entry['array']}"] if "array" in entry else entry["value"]
                for key, entry in part.items()
            }
            for name, part in values.items()
        }
