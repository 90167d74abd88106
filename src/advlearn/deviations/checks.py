"""Every closed form of the delta-measure against brute force, in exact arithmetic."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import NamedTuple

import numpy as np

from advlearn.deviations import delta as forms
from advlearn.deviations.partitions import delta_squared
from advlearn.support.seeds import derive_seed

_Case = tuple[int | Fraction, np.ndarray]
"""What a closed form says, and the table (K, K') of which it says it."""

MOST_CLUSTERS = 6
EXHAUSTIVE = 11
"""Two clusters are checked for all tables of up to this many points."""


class FormulaCheck(NamedTuple):
    """One line of the comparison.

    Attributes:
        formula: name of the closed form.
        n_clusters: for how many clusters, as text.
        range: of which partitions, as text.
        cases: partitions compared.
        max_error: largest absolute difference of delta^2; 0 for a formula that is right.
    """

    formula: str
    n_clusters: str
    range: str
    cases: int
    max_error: float


def brute_force(table: np.ndarray) -> int:
    """``|Y Y' - Z Z'|_F^2`` from the membership matrices, O(n^2) time and memory.

    Args:
        table: (K, K') points by cluster before and after.
    """
    before, after = labels_of(table)
    together = before[:, None] == before
    return int((together != (after[:, None] == after)).sum())


def labels_of(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels before and after, (n,) each, of points that the table (K, K') counts."""
    before, after = np.indices(table.shape).reshape(2, -1)
    return np.repeat(before, table.ravel()), np.repeat(after, table.ravel())


def check_formulas(cases: int, seed: int) -> list[FormulaCheck]:
    """Compare every closed form with brute force.

    Args:
        cases: random partitions for each form; two clusters are checked for all tables of up to
            `EXHAUSTIVE` points instead.
        seed: decides the partitions.
    """
    found = []
    for name, clusters, where, plan in _plans():
        generator = np.random.default_rng(derive_seed(seed, "formula", name))
        drawn = plan(generator)
        chosen = drawn if plan is _two_clusters else itertools.islice(drawn, cases)
        errors = [abs(float(value - _brute_force_of(table))) for value, table in chosen]
        found.append(FormulaCheck(name, clusters, where, len(errors), max(errors)))
    return found


def formulas() -> list[str]:
    """Names of the closed forms, in the order of `check_formulas`."""
    return [name for name, *_ in _plans()]


def _plans() -> list[tuple[str, str, str, Callable[[np.random.Generator], Iterator[_Case]]]]:
    """Name, clusters, range and cases of each closed form."""
    several = f"2 to {MOST_CLUSTERS}"
    return [
        ("contingency", f"1 to {MOST_CLUSTERS}", "any K and K'", _contingency),
        ("pairs", f"1 to {MOST_CLUSTERS}", "any K and K'", _pairs),
        ("flows", several, "any sizes and flows", _flows),
        ("parts", several, "any sizes and flows", _parts),
        ("two_clusters", "2", f"all partitions of up to {EXHAUSTIVE} points", _two_clusters),
        ("exchange", several, "moves between two clusters only", _exchange),
        *(
            (f"three_clusters_{name}", "3", "any sizes", partial(_pattern, name=name))
            for name in forms.PATTERNS
        ),
        ("balanced", several, "equal sizes, any flows", _balanced),
        ("split", several, "one cluster cut in two", _split),
        ("merge", several, "two clusters made one", _merge),
        ("pluck", several, "one point on its own", _pluck),
        ("increment", several, "any sizes and flows, one more move", _increment),
    ]


def _brute_force_of(table: np.ndarray) -> int:
    """Brute force of a table, or of the second less the first of two tables (2, K, K)."""
    if table.ndim == 3:
        return brute_force(table[1]) - brute_force(table[0])
    return brute_force(table)


def _table(generator: np.random.Generator, least: int = 2, *, square: bool = True) -> np.ndarray:
    """A table of random shape, the points of which crowd in some entries."""
    rows, columns = generator.integers(least, MOST_CLUSTERS + 1, size=2)
    shape = (rows, rows) if square else (rows, columns)
    return generator.poisson(2 * generator.exponential(size=shape))


def _sizes_and_flows(table: np.ndarray) -> tuple[list[int], np.ndarray]:
    return table.sum(1).tolist(), table - np.diag(table.diagonal())


def _contingency(generator: np.random.Generator) -> Iterator[_Case]:
    while True:
        table = _table(generator, 1, square=False)
        yield forms.from_table(table), table


def _pairs(generator: np.random.Generator) -> Iterator[_Case]:
    from sklearn.metrics.cluster import pair_confusion_matrix

    while True:
        table = _table(generator, 1, square=False)
        if table.any():
            before, after = labels_of(table)
            confusion = pair_confusion_matrix(before, after)
            pairs = int(confusion[0, 1] + confusion[1, 0])
            # The two ways of counting must agree with each other, too.
            yield pairs + abs(pairs - delta_squared(before, after)), table


def _flows(generator: np.random.Generator) -> Iterator[_Case]:
    while True:
        table = _table(generator)
        yield forms.from_flows(*_sizes_and_flows(table)), table


def _parts(generator: np.random.Generator) -> Iterator[_Case]:
    while True:
        table = _table(generator)
        apart = _sizes_and_flows(table)
        yield forms.symmetric_part(*apart) + forms.asymmetric_part(*apart), table


def _two_clusters(_: np.random.Generator) -> Iterator[_Case]:
    for n in range(1, EXHAUSTIVE + 1):
        for stayed, there, back in itertools.product(range(n + 1), repeat=3):
            if stayed + there + back <= n:
                table = np.array([[stayed, there], [back, n - stayed - there - back]])
                yield forms.two_clusters(n, there + back), table


def _exchange(generator: np.random.Generator) -> Iterator[_Case]:
    while True:
        table = _table(generator)
        first, second = generator.permutation(len(table))[:2]
        only = np.diag(table.diagonal())
        only[first, second], only[second, first] = table[first, second], table[second, first]
        moved = int(only[first, second] + only[second, first])
        sizes = only.sum(1)
        yield forms.exchange(int(sizes[first]), int(sizes[second]), moved), only


def _pattern(generator: np.random.Generator, name: str) -> Iterator[_Case]:
    parts = forms.PATTERNS[name].parts
    while True:
        moved = parts * int(generator.integers(0, 8))
        enough = forms.pattern_flows([moved] * 3, moved, name).sum(1)
        sizes = enough + generator.integers(0, 20, size=3)
        flows = forms.pattern_flows(sizes.tolist(), moved, name)
        table = flows + np.diag(sizes - flows.sum(1))
        yield forms.three_clusters(sizes.tolist(), moved, name), table


def _balanced(generator: np.random.Generator) -> Iterator[_Case]:
    while True:
        flows = _sizes_and_flows(_table(generator))[1]
        moved = int(flows.sum())
        size = int(flows.sum(1).max() + generator.integers(0, 6))
        if moved:
            value = forms.balanced(size, moved, forms.curvature(flows))
            yield value, flows + np.diag(size - flows.sum(1))


def _split(generator: np.random.Generator) -> Iterator[_Case]:
    while True:
        sizes = generator.integers(1, 15, size=generator.integers(1, MOST_CLUSTERS))
        part = int(generator.integers(0, sizes[0] + 1))
        yield forms.split(int(sizes[0]), part), _cut(sizes, part)


def _pluck(generator: np.random.Generator) -> Iterator[_Case]:
    while True:
        sizes = generator.integers(1, 15, size=generator.integers(1, MOST_CLUSTERS))
        yield forms.pluck(int(sizes[0])), _cut(sizes, 1)


def _cut(sizes: np.ndarray, part: int) -> np.ndarray:
    """The table of the first cluster's ``part`` points becoming a cluster of their own."""
    table = np.hstack([np.zeros((len(sizes), 1), dtype=np.int64), np.diag(sizes)])
    table[0, :2] = part, sizes[0] - part
    return table


def _merge(generator: np.random.Generator) -> Iterator[_Case]:
    while True:
        sizes = generator.integers(0, 15, size=generator.integers(2, MOST_CLUSTERS + 1))
        table = np.diag(sizes)
        table[1, 0], table[1, 1] = sizes[1], 0
        yield forms.merge(int(sizes[0]), int(sizes[1])), table


def _increment(generator: np.random.Generator) -> Iterator[_Case]:
    while True:
        table = _table(generator)
        source, target = generator.permutation(len(table))[:2]
        if table[source, source]:
            after = table.copy()
            after[source, source] -= 1
            after[source, target] += 1
            yield forms.increment(table, int(source), int(target)), np.stack([table, after])
