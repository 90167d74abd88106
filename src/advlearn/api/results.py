"""What attacks and evaluations answer with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class AttackResult:
    """The outcome for n inputs; arrays are of the kind of the inputs, numpy or torch.

    Attributes:
        adversarial: (n, ...), like the inputs.
        success: bool (n,), whether the goal holds at ``adversarial``: a prediction other than the
            label, the target where there is one, or no chosen label among the top k.
        attacked: bool (n,), whether there was anything to do: the goal did not hold before, and
            can be reached. What was not attacked comes back as it was.
        distance: float64 (n,), length of the perturbation in ``norm``.
        norm: linf or l2.
    """

    adversarial: Any
    success: Any
    attacked: Any
    distance: Any
    norm: str

    @property
    def success_rate(self) -> float:
        """Share of successes among the attacked inputs; NaN where none was attacked."""
        attacked = int(self.attacked.sum())
        return int((self.success & self.attacked).sum()) / attacked if attacked else float("nan")

    def __repr__(self) -> str:
        """Counts instead of arrays."""
        hit = int((self.success & self.attacked).sum())
        return (
            f"AttackResult({len(self.success)} inputs, {int(self.attacked.sum())} attacked,"
            f" {hit} with success, norm={self.norm!r})"
        )


@dataclass(frozen=True, eq=False)
class RobustAccuracy:
    """Which of n inputs withstand every attack.

    Attributes:
        correct: bool (n,), classified correctly without attack.
        robust: bool (n,), classified correctly without and at every point that an attack visits.
        adversarial: (n, ...), the point that decided: the input itself where it is misclassified
            already, the one that fools the network, else a point of the last attack.
    """

    correct: Any
    robust: Any
    adversarial: Any

    @property
    def accuracy(self) -> float:
        """Share of the inputs that are classified correctly without attack."""
        return float(self.correct.sum()) / len(self.correct)

    @property
    def robust_accuracy(self) -> float:
        """Share of the inputs that withstand every attack."""
        return float(self.robust.sum()) / len(self.robust)

    def __repr__(self) -> str:
        """The two shares instead of arrays."""
        n = len(self.robust)
        shares = f"{self.accuracy:.4f}, robust_accuracy={self.robust_accuracy:.4f}" if n else "none"
        return f"RobustAccuracy({n} inputs, accuracy={shares})"
