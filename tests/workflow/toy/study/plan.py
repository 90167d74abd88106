"""What the rules of the toy study need to know while the graph of jobs is built."""

from __future__ import annotations

from advlearn.studies.toy.settings import ToySettings

from advlearn.studies.plan import StudyPlan


class ToyPlan(StudyPlan[ToySettings]):
    """One drawing a seed."""

    def draws(self) -> list[dict[str, object]]:
        """Wildcards of every drawing."""
        return [{"seed": seed} for seed in self.seeds]
