import hashlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from advlearn.selection import rules
from advlearn.support.errors import UserError
from advlearn.support.seeds import derive_seed

# Cluster, loss and margin of every image.
Clustering = tuple[np.ndarray, np.ndarray, np.ndarray]


@st.composite
def clusterings(draw: st.DrawFn) -> Clustering:
    n = draw(st.integers(1, 30))
    labels = draw(st.lists(st.integers(-1, 5), min_size=n, max_size=n))
    # Whole numbers: means are exact enough for ties to be ties on both sides.
    values = st.lists(st.integers(-8, 8).map(float), min_size=n, max_size=n)
    return np.array(labels), np.array(draw(values)), np.array(draw(values))


def _brute_force(rule: str, labels: np.ndarray, loss: np.ndarray, margin: np.ndarray) -> list[int]:
    clusters: dict[int, list[int]] = {}
    for position, label in enumerate(labels):
        if label >= 0:
            clusters.setdefault(int(label), []).append(position)
    if rule == "every":
        return sorted(clusters)
    scores: dict[str, Callable[[list[int]], float]] = {
        "largest": lambda images: -len(images),
        "smallest": len,
        "highest_loss": lambda images: -sum(loss[i] for i in images) / len(images),
        "lowest_margin": lambda images: sum(margin[i] for i in images) / len(images),
    }
    score = scores[rule]
    ranked = sorted(clusters, key=lambda number: (score(clusters[number]), number))
    return ranked[:1]


@pytest.mark.parametrize("rule", [rule for rule in rules.CLUSTER_RULES if rule != "random"])
@given(clusterings())
def test_rule_equals_brute_force(rule: str, clustering: Clustering) -> None:
    assert rules.choose_clusters(rule, *clustering, seed=0) == _brute_force(rule, *clustering)


@given(clusterings(), st.integers(0, 2**31 - 1))
def test_random_takes_one_cluster_and_repeats_itself(clustering: Clustering, seed: int) -> None:
    chosen = rules.choose_clusters("random", *clustering, seed=seed)
    clusters = set(clustering[0]) - {-1}
    assert len(chosen) == min(1, len(clusters))
    assert set(chosen) <= clusters
    assert rules.choose_clusters("random", *clustering, seed=seed) == chosen


def test_random_is_uniform_over_clusters_not_images() -> None:
    labels = np.repeat([0, 1, 2, -1], [970, 20, 10, 500])
    zeros = np.zeros(len(labels))
    draws = [
        rules.choose_clusters("random", labels, zeros, zeros, derive_seed(0, i))[0]
        for i in range(900)
    ]
    counts = np.bincount(draws, minlength=3)
    # Five standard deviations of a binomial of 900 draws at 1/3.
    assert (np.abs(counts - 300) < 5 * np.sqrt(900 * 2 / 9)).all()


@given(clusterings())
def test_every_partitions_the_images_outside_noise(clustering: Clustering) -> None:
    labels, loss, margin = clustering
    parts = [
        rules.members(labels, number)
        for number in rules.choose_clusters("every", labels, loss, margin, seed=0)
    ]
    together = np.concatenate([*parts, np.empty(0, np.int32)])
    assert all(len(part) for part in parts)
    np.testing.assert_array_equal(np.sort(together), np.flatnonzero(labels >= 0))


@given(n=st.integers(1, 60), seed=st.integers(0, 2**31 - 1), data=st.data())
def test_subset_has_the_asked_size(n: int, seed: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(0, n))
    positions = rules.random_subset(n, size, seed)
    assert positions.dtype == np.int32
    assert len(positions) == size
    assert (np.diff(positions) > 0).all()
    assert ((positions >= 0) & (positions < n)).all()


def test_subset_is_uniform() -> None:
    counts = np.zeros(20)
    for i in range(1000):
        counts[rules.random_subset(20, 5, derive_seed(1, i))] += 1
    assert (np.abs(counts - 250) < 5 * np.sqrt(1000 * 0.25 * 0.75)).all()


@given(st.integers(1, 50), st.integers(0, 100))
def test_one_cluster_is_all_images(n: int, seed: int) -> None:
    labels, zeros = np.zeros(n, int), np.zeros(n)
    everything = rules.index_set_digest(np.arange(n))
    for rule in rules.CLUSTER_RULES:
        (number,) = rules.choose_clusters(rule, labels, zeros, zeros, seed)
        assert rules.index_set_digest(rules.members(labels, number)) == everything
    assert rules.index_set_digest(rules.random_subset(n, n, seed)) == everything


@given(st.sets(st.integers(0, 100)), st.sets(st.integers(0, 100)))
def test_digest_names_the_set(first: set[int], second: set[int]) -> None:
    assume(first != second)
    one = rules.index_set_digest(np.array(sorted(first), dtype=np.int32))
    assert one == rules.index_set_digest(np.array(sorted(first, reverse=True), dtype=np.int64))
    assert one != rules.index_set_digest(np.array(sorted(second)))
    assert len(one) == 16


def test_digest_is_fixed() -> None:
    # Names of files: a change would orphan every trained model.
    expected = hashlib.blake2b(b"\x01\0\0\0\x05\0\0\0", digest_size=8).hexdigest()
    assert rules.index_set_digest(np.array([5, 1])) == expected
    assert (
        rules.index_set_digest(np.empty(0, np.int32)) == hashlib.blake2b(digest_size=8).hexdigest()
    )


def test_missing_classes() -> None:
    classes = np.array([3, 3, 0, 1, 0])
    assert rules.missing_classes(np.array([0, 1]), classes) == [0, 1]
    assert rules.missing_classes(np.array([0, 3, 4]), classes) == []
    assert rules.missing_classes(np.empty(0, np.int32), classes) == [0, 1, 3]


def test_only_noise_chooses_nothing() -> None:
    labels, zeros = np.full(4, -1), np.zeros(4)
    assert all(rules.choose_clusters(r, labels, zeros, zeros, 0) == [] for r in rules.CLUSTER_RULES)


def test_unknown_rule() -> None:
    with pytest.raises(UserError, match="unknown rule 'best'"):
        rules.choose_clusters("best", np.zeros(2, int), np.zeros(2), np.zeros(2), 0)
