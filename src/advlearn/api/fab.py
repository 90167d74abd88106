"""FAB in its two forms: does it meet an adversarial input within a radius, and how near is one?"""

from __future__ import annotations

from dataclasses import dataclass

from advlearn.api.images import BoundedAttack, ImageAttack, Solver, checked
from advlearn.attacks.fab import ShortestFab
from advlearn.settings.attack import FabSettings, Norm


@dataclass(frozen=True)
class FAB(BoundedAttack):
    """Fast adaptive boundary attack (Croce and Hein 2020), judged within a radius.

    It looks for the nearest adversarial input, one other class after the other, and climbs no
    loss. An input for which none is met within the radius comes back as its best point there.

    Args:
        epsilon: radius; inputs are in [0, 1].
        norm: linf or l2.
        steps: linearisations of the network in each run.
        restarts: runs for each class; the first begins at the input, others at random.
        n_targets: most classes that are aimed at, those with the largest clean logits first;
            None: all.
    """

    epsilon: float
    norm: Norm = "linf"
    steps: int = 100
    restarts: int = 1
    n_targets: int | None = 9

    def settings(self) -> FabSettings:
        """As in :class:`BoundedAttack`."""
        return checked(
            FabSettings,
            self,
            epsilon=self.epsilon,
            norm=self.norm,
            steps=self.steps,
            restarts=self.restarts,
            targets=self.n_targets,
        )


@dataclass(frozen=True)
class ShortestFAB(ImageAttack):
    """Fast adaptive boundary attack (Croce and Hein 2020): the shortest perturbation.

    Args:
        norm: in which the perturbation is short, l2 or linf.
        steps: linearisations of the network for each class.
        n_targets: most classes that are aimed at, those with the largest clean logits first;
            None: all.
    """

    norm: Norm = "l2"
    steps: int = 100
    n_targets: int | None = 9

    def solver(self, *, targeted: bool = False) -> Solver:
        """As in :class:`ImageAttack`."""
        # A radius is no part of the search: its settings serve to check the others.
        found = checked(
            FabSettings,
            self,
            epsilon=0.0,
            norm=self.norm,
            steps=self.steps,
            targets=self.n_targets,
        )
        return ShortestFab(norm=found.norm, steps=found.steps, targets=found.targets)
