"""Progress of a stage, one short line at a time, on standard error."""

from __future__ import annotations

import sys
import time


class Progress:
    """Counts done units and prints a line at most every ``every`` seconds.

    Args:
        label: what is being done, for example ``craft pgd small seed 0``.
        total: number of units in all; 0 is allowed.
        unit: name of a unit in the plural.
        every: seconds between lines.
    """

    def __init__(self, label: str, total: int, unit: str, every: float = 5.0) -> None:
        self.label, self.total, self.unit, self.every = label, total, unit, every
        self.done = 0
        self.started = time.monotonic()
        self._printed = self.started

    def advance(self, count: int = 1) -> None:
        """Note that ``count`` more units are done."""
        self.done += count
        now = time.monotonic()
        if now - self._printed >= self.every or self.done >= self.total:
            self._printed = now
            share = 100 * self.done / self.total if self.total else 100.0
            print(
                f"[{self.label}] {self.done}/{self.total} {self.unit}"
                f" ({share:.0f} %), {now - self.started:.0f} s",
                file=sys.stderr,
                flush=True,
            )
