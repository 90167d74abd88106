"""The genetic black-box attack after Cinà, Torcinovich and Pelillo (Pattern Recognition 122, 2022).

The attacker sees labels only. Some points of a victim cluster, those nearest to the mean of a
target cluster, move towards it coordinate by coordinate: E = M * sign(target - victim) with masks
0 <= M <= tau. One child a generation, made of the last one: with some probability entries of an
earlier mask, drawn by the softmax of all scores so far, replace its own; then some are raised and
some set to zero. The score is the effect less lambda * (points moved / n) * (largest entry / tau).

Three things are not theirs. Of a pair of clusters either may be the victim: two populations, one
for each, have their generations in turn. The first child of each moves by the whole radius, where
theirs is random. And a child is projected into the budget, whatever its norm; with the l-infinity
budget that changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from advlearn.attacks.clustering.common import (
    Means,
    Problem,
    best_and_smallest,
    cluster_means,
    nearest_pairs,
)
from advlearn.support.errors import UserError

__all__ = ["Genetic"]


@dataclass(frozen=True)
class Genetic:
    """One child a generation, judged by the effect on the labels.

    Args:
        generations: children that are tried at each radius, those of both populations together,
            >= 1.
        share: share of the victim cluster that may move, in (0, 1].
        crossover: probability that a child has entries of another mask, and then share of them.
        mutation: share of the entries that are raised.
        zeroing: share of the entries that are set to zero; 0.001 in the published runs.
        price: lambda.
    """

    generations: int = 30
    share: float = 0.5
    crossover: float = 0.85
    mutation: float = 0.1
    zeroing: float = 0.001
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
        found = cluster_means(problem.data, problem.before)
        if len(found.means) < 2 or tau == 0:
            return
        budget = problem.budget.scaled(tau)
        pair = nearest_pairs(found.means, found.sizes, 1)[0]
        if generator.random() < 0.5:
            pair = pair[::-1]
        populations = [self._population(problem, found, *pair, tau)]
        if self.generations > 1:
            populations.append(self._population(problem, found, *pair[::-1], tau))
        tried: list[tuple[float, np.ndarray]] = []
        for generation in range(self.generations):
            one = populations[generation % len(populations)]
            moved = budget.project(one.perturbation(problem.data.shape))
            effect = problem.effect(moved)
            rows = np.count_nonzero(moved.any(axis=1)) / len(moved)
            one.scores.append(effect - self.price * rows * float(np.abs(moved).max()) / tau)
            tried.append((effect, moved))
            one.masks.append(self._child(one, tau, generator))
        yield from best_and_smallest(problem, tried)

    def _population(
        self, problem: Problem, found: Means, victim: int, target: int, tau: float
    ) -> _Population:
        members = np.flatnonzero(problem.before == found.names[victim])
        away = np.linalg.norm(problem.data[members] - found.means[target], axis=1)
        movable = members[np.argsort(away)[: max(1, round(self.share * len(members)))]]
        signs = np.sign(found.means[target] - found.means[victim])
        return _Population(movable, signs, [np.full((len(movable), len(signs)), tau)])

    def _child(
        self, parents: _Population, tau: float, generator: np.random.Generator
    ) -> np.ndarray:
        """The next mask; the second of a population is random, as the first of theirs is."""
        if len(parents.masks) == 1:
            return np.asarray(generator.uniform(0, tau, parents.masks[-1].shape))
        return self._descendant(parents, tau, generator)

    def _descendant(
        self, parents: _Population, tau: float, generator: np.random.Generator
    ) -> np.ndarray:
        """A mask made of the last one: entries of an earlier one, then raised and zeroed ones."""
        shape = parents.masks[-1].shape
        scores = np.array(parents.scores)
        chances = np.exp(scores - scores.max())
        child: np.ndarray = parents.masks[-1].copy()
        other = parents.masks[generator.choice(len(scores), p=chances / chances.sum())]
        if generator.random() < self.crossover:
            exchanged = generator.random(shape) < self.crossover
            child[exchanged] = other[exchanged]
        raised = generator.random(shape) < self.mutation
        child[raised] = np.clip(child + generator.uniform(0, tau, shape), 0, tau)[raised]
        child[generator.random(shape) < self.zeroing] = 0.0
        return child


@dataclass(frozen=True, eq=False)
class _Population:
    """Masks for one victim cluster.

    Attributes:
        movable: points that may move.
        signs: direction of each coordinate, (d,).
        masks: all so far, each (movable, d); the last is not judged yet.
        scores: of those that are.
    """

    movable: np.ndarray
    signs: np.ndarray
    masks: list[np.ndarray]
    scores: list[float] = field(default_factory=list)

    def perturbation(self, shape: tuple[int, ...]) -> np.ndarray:
        """E of the last mask."""
        moved = np.zeros(shape)
        moved[self.movable] = self.masks[-1] * self.signs
        return moved
