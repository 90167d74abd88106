"""How far a run has come, and how long the rest of it takes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

ENOUGH = 10.0
"""Seconds of finished jobs after which they say something of the others."""
_MOST_NAMES = 3


class Forecast:
    """Jobs done, jobs at work, and the seconds that the others are expected to take.

    A job is expected to take the mean of its stage: of the jobs that ended, else of the run's last
    time, else of the shipped run, times what the stages that ended took of theirs, and no less than
    the shortest of these. A stage that is in none of them takes the mean of the jobs that ended.
    Jobs run beside each other as they did so far.

    Args:
        shipped: mean seconds of a job by stage, of the shipped run.
    """

    def __init__(self, shipped: Mapping[str, float]) -> None:
        self.earlier: Mapping[str, float] = {}
        self.done = 0
        self.total = 0
        self._shipped = shipped
        self._waiting: Counter[str] = Counter()
        self._running: dict[int, tuple[str, float]] = {}
        self._seconds: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._began: float | None = None

    def plan(self, jobs: Mapping[str, int]) -> None:
        """Note how many jobs of each stage are to run."""
        self._waiting = Counter(dict(jobs))
        self.total = sum(jobs.values())

    def begin(self, job: int, stage: str, now: float) -> None:
        """Note that a job has begun; one that begins again has begun anew."""
        if job not in self._running:
            self._waiting[stage] -= 1
        self._running[job] = (stage, now)
        self._began = now if self._began is None else self._began

    def end(self, job: int, now: float, *, well: bool = True) -> None:
        """Note that a job has ended; one that failed says nothing of how long others take."""
        stage, began = self._running.pop(job, ("", now))
        if stage and well:
            self._seconds[stage] += now - began  # type: ignore[assignment]
            self._ended[stage] += 1

    def left(self, now: float) -> float | None:
        """Seconds until the run ends; none where too little is known of a stage."""
        ages = [(stage, now - began) for stage, began in self._running.values()]
        jobs = [*self._waiting.elements(), *(stage for stage, _ in ages)]
        seconds = {stage: self._expected(stage) for stage in set(jobs)}
        if None in seconds.values():
            return None
        work = sum(seconds[stage] or 0.0 for stage in self._waiting.elements())
        work += sum(max((seconds[stage] or 0.0) - age, 0.0) for stage, age in ages)
        return work / self._beside(now)

    def line(self, now: float) -> str:
        """Jobs done of all, the time so far, the stages at work, and about how long the rest."""
        text = f"{self.done} of {self.total} jobs"
        if self._began is not None:
            text += f", {in_words(now - self._began)}"
        stages = Counter(stage for stage, _ in self._running.values())
        names = [f"{stage} ({n})" if n > 1 else stage for stage, n in sorted(stages.items())]
        if names:
            more = [f"{len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
            text += f": {', '.join([*names[:_MOST_NAMES], *more])}"
        left = self.left(now) if self._running else None
        return text if left is None else f"{text}; about {in_words(left)} left"

    def _expected(self, stage: str) -> float | None:
        if self._ended[stage]:
            return self._seconds[stage] / self._ended[stage]
        if stage in self.earlier:
            return self.earlier[stage]
        took = self._seconds.total()
        if took < ENOUGH:
            return None
        both = [each for each in self._ended if self._shipped.get(each)]
        theirs = sum(self._ended[each] * self._shipped[each] for each in both)
        if stage not in self._shipped or not theirs:
            return took / self._ended.total()
        scale = sum(self._seconds[each] for each in both) / theirs
        least = min(self._seconds[each] / n for each, n in self._ended.items() if n)
        return max(scale * self._shipped[stage], least)

    def _beside(self, now: float) -> float:
        """How many jobs ran at the same time so far, in the mean."""
        busy = self._seconds.total() + sum(now - began for _, began in self._running.values())
        elapsed = now - (now if self._began is None else self._began)
        return max(1.0, busy / elapsed) if elapsed > 0 else 1.0


def in_words(seconds: float) -> str:
    """A time in its two largest units, for example ``1 h 20 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes < 10 and rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def shipped_seconds(reference: Path) -> dict[str, float]:
    """Mean seconds of a job by stage, from the records of the shipped runs.

    Args:
        reference: their folder; what is no record there is left out.
    """
    found = {}
    for path in sorted(reference.glob("run*.json")):
        try:
            stages = json.loads(path.read_text(encoding="utf-8"))["stages"]
            for name, of in stages.items():
                if of:
                    found[name] = of["seconds"] / of["jobs"]
        except (OSError, ValueError, LookupError, TypeError, ArithmeticError):
            continue
    return found
