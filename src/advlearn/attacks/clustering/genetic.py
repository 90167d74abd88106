"""The genetic black-box attack of Cinà, Torcinovich and Pelillo (Pattern Recognition 122, 2022).

The attacker sees labels only. Some points of a victim cluster, those nearest to the mean of a
target cluster, move towards it coordinate by coordinate: E = M * sign(target - victim) with masks
0 <= M <= tau. One child a generation: a parent is drawn by the softmax of all scores so far, its
entries are exchanged with another's, some are redrawn and some set to zero. The score is the effect
less lambda * (points moved / n) * (largest entry / tau). Here the child is then projected into the
budget, whatever its norm; with the l-infinity budget that changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from advlearn.attacks.clustering.common import Problem, cluster_means, nearest_pairs
from advlearn.support.errors import UserError

__all__ = ["Genetic"]


@dataclass(frozen=True)
class Genetic:
    """One child a generation, judged by the effect on the labels.

    Args:
        generations: children that are tried at each radius, >= 1.
        share: share of the victim cluster that may move, in (0, 1].
        crossover: share of the entries that are the other parent's.
        mutation: share of the entries that are redrawn.
        zeroing: most entries that are set to zero, as a share.
        price: lambda.
    """

    generations: int = 30
    share: float = 0.5
    crossover: float = 0.85
    mutation: float = 0.1
    zeroing: float = 0.2
    price: float = 0.05

    def __post_init__(self) -> None:
        shares = (self.crossover, self.mutation, self.zeroing)
        if self.generations < 1 or not 0 < self.share <= 1 or not all(0 <= s <= 1 for s in shares):
            raise UserError(
                "the genetic attack needs a generation, and shares between 0 and 1",
                where=repr(self),
                remedy="give for example generations=110, share=0.3",
            )

    def candidates(
        self, problem: Problem, tau: float, generator: np.random.Generator
    ) -> Iterator[np.ndarray]:
        """The best of all generations, and the smallest of those that had an effect."""
        means, names, sizes = cluster_means(problem.data, problem.before)
        if len(means) < 2 or tau == 0:
            return
        budget = problem.budget.scaled(tau)
        victim, target = nearest_pairs(means, sizes, 1)[0]
        if generator.random() < 0.5:
            victim, target = target, victim
        members = np.flatnonzero(problem.before == names[victim])
        order = np.argsort(np.linalg.norm(problem.data[members] - means[target], axis=1))
        movable = members[order[: max(1, round(self.share * len(members)))]]
        signs = np.sign(means[target] - means[victim])

        def perturbation(mask: np.ndarray) -> np.ndarray:
            moved = np.zeros_like(problem.data)
            moved[movable] = mask * signs
            return budget.project(moved)

        shape = (len(movable), len(signs))
        masks = [generator.uniform(0, tau, shape)]
        effects: list[float] = []
        scores: list[float] = []
        for generation in range(self.generations):
            if generation:
                masks.append(self._child(masks, np.array(scores), tau, generator))
            moved = perturbation(masks[-1])
            effects.append(problem.effect(moved))
            rows = np.count_nonzero(moved.any(axis=1)) / len(moved)
            scores.append(effects[-1] - self.price * rows * float(np.abs(moved).max()) / tau)
        # The problem decides by effect and size, so both ends of the trade are shown to it.
        tried = np.array(effects)
        yield perturbation(masks[int(tried.argmax())])
        touched = np.flatnonzero(tried > problem.clean_effect)
        if len(touched):
            lengths = [budget.size(perturbation(masks[one])) for one in touched]
            smallest = int(touched[int(np.argmin(lengths))])
            if smallest != int(tried.argmax()):
                yield perturbation(masks[smallest])

    def _child(
        self,
        masks: list[np.ndarray],
        scores: np.ndarray,
        tau: float,
        generator: np.random.Generator,
    ) -> np.ndarray:
        chances = np.exp(scores - scores.max())
        parent, other = generator.choice(len(masks), size=2, p=chances / chances.sum())
        child: np.ndarray = masks[parent].copy()
        exchanged = generator.random(child.shape) < self.crossover
        child[exchanged] = masks[other][exchanged]
        redrawn = generator.random(child.shape) < self.mutation
        added = generator.uniform(0, tau, child.shape)
        child[redrawn] = np.clip(child + added, 0, tau)[redrawn]
        child[generator.random(child.shape) < generator.uniform(0, self.zeroing)] = 0.0
        return child
