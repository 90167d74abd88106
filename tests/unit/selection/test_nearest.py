"""The images nearest to the centre of their own cluster."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advlearn.selection.rules import members, nearest_to_centres
from advlearn.support.errors import UserError


def by_hand(points: list[tuple[int, int]], labels: list[int], share: Fraction) -> list[int]:
    chosen: list[int] = []
    for label in sorted(set(labels) - {-1}):
        own = [i for i, each in enumerate(labels) if each == label]
        centre = [Fraction(sum(points[i][axis] for i in own), len(own)) for axis in (0, 1)]
        distance = {i: sum((points[i][axis] - centre[axis]) ** 2 for axis in (0, 1)) for i in own}
        kept = math.ceil(share * len(own))
        chosen += sorted(own, key=lambda i: (distance[i], i))[:kept]
    return sorted(chosen)


@given(st.data(), st.integers(1, 25))
def test_it_equals_brute_force(data: st.DataObject, n: int) -> None:
    # Clusters of 1, 2 or 4 points have centres without rounding, so that ties are ties.
    labels = data.draw(st.lists(st.integers(-1, 3), min_size=n, max_size=n))
    sizes = {label: labels.count(label) for label in set(labels) - {-1}}
    labels = [label if sizes.get(label) in (1, 2, 4, 8) else -1 for label in labels]
    points = data.draw(st.lists(st.tuples(*[st.integers(-8, 8)] * 2), min_size=n, max_size=n))
    share = data.draw(st.sampled_from([Fraction(k, 10) for k in range(1, 11)]))
    found = nearest_to_centres(np.array(points, float), np.array(labels), float(share))
    assert found.tolist() == by_hand(points, labels, share)
    assert found.dtype == np.int32


def test_every_cluster_keeps_its_share_however_wide_it_is() -> None:
    generator = np.random.default_rng(0)
    narrow, wide = generator.normal(0, 0.01, (40, 2)), generator.normal(5, 3.0, (60, 2))
    points, labels = np.concatenate([narrow, wide]), np.repeat([0, 1], [40, 60])
    found = nearest_to_centres(points, labels, 0.5)
    assert np.bincount(labels[found]).tolist() == [20, 30]
    distance = np.linalg.norm(points - points[labels == 1].mean(axis=0), axis=1)
    inside = np.isin(members(labels, 1), found)
    assert distance[40:][inside].max() < distance[40:][~inside].min()


def test_all_of_them_and_rounding() -> None:
    points, labels = np.arange(20.0).reshape(10, 2), np.zeros(10, int)
    assert nearest_to_centres(points, labels, 1.0).tolist() == list(range(10))
    # 0.7 of ten is seven, although 0.7 * 10 is a little more in floating point on some machines.
    assert len(nearest_to_centres(points, labels, 0.7)) == 7
    assert len(nearest_to_centres(points, labels, 0.01)) == 1


def test_noise_is_never_chosen() -> None:
    points, labels = np.zeros((4, 2)), np.array([-1, 0, -1, 0])
    assert nearest_to_centres(points, labels, 1.0).tolist() == [1, 3]
    assert len(nearest_to_centres(points, np.full(4, -1), 0.5)) == 0


@pytest.mark.parametrize(
    ("points", "n", "share"),
    [(np.zeros((3, 2)), 4, 0.5), (np.zeros(4), 4, 0.5), (np.zeros((4, 2)), 4, 0.0),
     (np.zeros((4, 2)), 4, 1.5)],
)  # fmt: skip
def test_what_cannot_be_chosen_from(points: np.ndarray, n: int, share: float) -> None:
    with pytest.raises(UserError, match="a point for each label"):
        nearest_to_centres(points, np.zeros(n, int), share)
