"""advlearn: three adversarial-learning papers rerun from raw data to tables and figures.

The library's names are imported when they are first asked for; docs/library.md shows each.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from advlearn.api.certifying import Certificate, certify
    from advlearn.api.deviations import cross_entropy, dlr, margin, negative_margin, targeted_dlr
    from advlearn.api.fab import FAB, ShortestFAB
    from advlearn.api.images import APGD, FGSM, PGD, CarliniWagner, DeepFool, Square
    from advlearn.api.rankings import MLCWU, KFool, ProjectedTopk, TkMIA, TkMLAPU
    from advlearn.api.results import AttackResult, RobustAccuracy
    from advlearn.api.robust import robust_accuracy
    from advlearn.attacks.clustering import build as clustering_attack
    from advlearn.budgets.balls import L2Ball, LinfBall
    from advlearn.budgets.points import (
        FewLabels,
        FewPoints,
        Frobenius,
        LInf,
        PerPoint,
        SinglePoint,
    )
    from advlearn.deviations.partitions import delta, delta_squared, matching_error
    from advlearn.learners.convex.estimator import ConvexClustering
    from advlearn.problem.bilevel import BilevelProblem, inverse, value_function
    from advlearn.support.errors import BudgetViolation, UserError

_HOMES = {
    "api.images": ("FGSM", "PGD", "APGD", "Square", "CarliniWagner", "DeepFool"),
    "api.fab": ("FAB", "ShortestFAB"),
    "api.rankings": ("TkMIA", "TkMLAPU", "KFool", "MLCWU", "ProjectedTopk"),
    "api.results": ("AttackResult", "RobustAccuracy"),
    "api.robust": ("robust_accuracy",),
    "api.certifying": ("Certificate", "certify"),
    "api.deviations": ("cross_entropy", "dlr", "margin", "negative_margin", "targeted_dlr"),
    "attacks.clustering:build": ("clustering_attack",),
    "budgets.balls": ("L2Ball", "LinfBall"),
    "budgets.points": ("FewLabels", "FewPoints", "Frobenius", "LInf", "PerPoint", "SinglePoint"),
    "deviations.partitions": ("delta", "delta_squared", "matching_error"),
    "learners.convex.estimator": ("ConvexClustering",),
    "problem.bilevel": ("BilevelProblem", "inverse", "value_function"),
    "support.errors": ("BudgetViolation", "UserError"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "APGD",
    "FAB",
    "FGSM",
    "MLCWU",
    "PGD",
    "AttackResult",
    "BilevelProblem",
    "BudgetViolation",
    "CarliniWagner",
    "Certificate",
    "ConvexClustering",
    "DeepFool",
    "FewLabels",
    "FewPoints",
    "Frobenius",
    "KFool",
    "L2Ball",
    "LInf",
    "LinfBall",
    "PerPoint",
    "ProjectedTopk",
    "RobustAccuracy",
    "ShortestFAB",
    "SinglePoint",
    "Square",
    "TkMIA",
    "TkMLAPU",
    "UserError",
    "certify",
    "clustering_attack",
    "cross_entropy",
    "delta",
    "delta_squared",
    "dlr",
    "inverse",
    "margin",
    "matching_error",
    "negative_margin",
    "robust_accuracy",
    "targeted_dlr",
    "value_function",
]


def __getattr__(name: str) -> Any:
    """A public name, imported at its first use: torch alone takes seconds."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, inside = _HOME[name].partition(":")
    found = getattr(import_module(f"advlearn.{module}"), inside or name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted([*globals(), *__all__])
