"""Known attacks and defences as cases of one bilevel problem: a table of names.

Who moves above, what answers below, whether the answer is frozen, what is made large, what may be
changed, and who solves it. The solvers are named and not imported: some need torch, some are on
floors above this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from advlearn.support.errors import unknown_name

Form = Literal["max effect", "min effort", "min max"]


@dataclass(frozen=True)
class Preset:
    """One case.

    Attributes:
        form: max effect (M1), min effort (M2), or min max, where the roles are swapped.
        upper: who moves, and to what end.
        lower: what answers.
        frozen: whether the lower level is solved before the attack and stays as it is.
        deviation: D.
        budget: U.
        method: how it is solved.
        solver: ``module:name`` of what solves it.
    """

    form: Form
    upper: str
    lower: str
    frozen: bool
    deviation: str
    budget: str
    method: str
    solver: str

    def load(self) -> Any:
        """What ``solver`` names; imports its module."""
        module, _, name = self.solver.partition(":")
        return getattr(import_module(module), name)


PRESETS: Mapping[str, Preset] = {
    "fgsm": Preset(
        "max effect",
        "image",
        "trained network",
        True,
        "cross-entropy",
        "linf, l2 and box",
        "one linearised step of the whole radius",
        "advlearn.attacks.fgsm:build",
    ),
    "pgd": Preset(
        "max effect",
        "image",
        "trained network",
        True,
        "cross-entropy, DLR, negative margin",
        "linf, l2 and box",
        "projected steepest ascent, restarts",
        "advlearn.attacks.pgd:build",
    ),
    "apgd": Preset(
        "max effect",
        "image",
        "trained network",
        True,
        "cross-entropy, DLR, targeted DLR, negative margin",
        "linf, l2 and box",
        "projected ascent with momentum, steps halved at check points",
        "advlearn.attacks.apgd:build",
    ),
    "fab": Preset(
        "min effort",
        "image",
        "trained network",
        True,
        "misclassified (linearised), judged at a radius",
        "linf, l2 and box",
        "projections on linearised boundaries, back towards the image",
        "advlearn.attacks.fab:build",
    ),
    "square": Preset(
        "max effect",
        "image",
        "trained network, of which only logits are seen",
        True,
        "negative margin",
        "linf, l2 and box",
        "random search with square patches",
        "advlearn.attacks.square:build",
    ),
    "cw": Preset(
        "min effort",
        "image",
        "trained network",
        True,
        "misclassified (climbed: margin hinge)",
        "l2 and box",
        "penalty, Adam before the tanh, search of the constant",
        "advlearn.attacks.cw:build",
    ),
    "deepfool": Preset(
        "min effort",
        "image",
        "trained network",
        True,
        "misclassified (linearised)",
        "l2, linf and box",
        "projection on the nearest linearised boundary",
        "advlearn.attacks.deepfool:build",
    ),
    "tkmia": Preset(
        "min effort",
        "image",
        "trained multi-label network",
        True,
        "labels out of the top k (climbed: average surrogate)",
        "l2 and box",
        "momentum descent before the tanh",
        "advlearn.attacks.topk:run",
    ),
    "adversarial_training": Preset(
        "min max",
        "network, to make the loss small",
        "attacker, to make it large",
        False,
        "cross-entropy",
        "that of the attack",
        "roles swapped, alternating steps",
        "advlearn.training.adversarial:retrain",
    ),
    "poisoning": Preset(
        "max effect",
        "training points",
        "logistic regression, linear SVM",
        False,
        "increase of the validation loss",
        "any of points",
        "projected ascent along the implicit hypergradient",
        "advlearn.attacks.poisoning:HypergradientAscent",
    ),
    "label_flipping": Preset(
        "max effect",
        "training labels",
        "logistic regression, linear SVM",
        False,
        "increase of the validation loss",
        "number of flips (l0)",
        "greedy, by training again or by influence first",
        "advlearn.attacks.label_flipping:GreedyFlips",
    ),
    "clustering": Preset(
        "max effect",
        "points",
        "any clustering",
        False,
        "any deviation of partitions",
        "any of points",
        "genetic, CMA-ES, one point, transfer, noise: labels only",
        "advlearn.attacks.clustering:build",
    ),
    "convex_clustering": Preset(
        "min effort",
        "points",
        "convex clustering",
        False,
        "delta",
        "any of points",
        "merge hypergradient, cut, dual, smoothed homotopy",
        "advlearn.attacks.clustering:build",
    ),
}
"""By the name of the attack or defence."""


def preset(name: str) -> Preset:
    """The case of that name.

    Raises:
        UserError: no such case; lists those there are.
    """
    if name not in PRESETS:
        raise unknown_name("preset", name, list(PRESETS), where=f"preset {name!r}")
    return PRESETS[name]


def table() -> str:
    """The cases as a Markdown table."""
    head = ("name", "form", "above", "below", "frozen", "D", "U", "solved by", "code")
    rows = [
        (
            f"`{name}`",
            case.form,
            case.upper,
            case.lower,
            "yes" if case.frozen else "no",
            case.deviation,
            case.budget,
            case.method,
            f"`{case.solver}`",
        )
        for name, case in PRESETS.items()
    ]
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
