"""Eligibility, success and knowledge: truth tables and invariances."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from advlearn.attacks.topk import TopkTargets, global_targets, random_targets, uncertain_targets
from advlearn.attacks.topk.targets import build_goal, reached
from advlearn.metrics.ranking import measures, top_k_mask
from advlearn.support.errors import UserError

# Ranked 0 > 1 > 2 > 3 > 4 > 5; k = 2, so the clean top k is {0, 1}.
F = torch.tensor([[6.0, 5.0, 4.0, 3.0, 2.0, 1.0]])


def mask(*labels: int, c: int = 6) -> Tensor:
    found = torch.zeros(1, c, dtype=torch.bool)
    found[0, list(labels)] = True
    return found


@pytest.mark.parametrize(
    ("relevant", "specified", "eligible"),
    [
        ((0, 1, 2), (0,), True),
        ((0, 2, 3), (0, 1), True),  # label 1 is specified and not relevant: it asks for no room
        ((0, 1), (0,), False),  # |Y| = 2 < k + 1: nobody could take the place
        ((0, 1, 2), (0, 1), False),  # |Y| = 3 < k + 2
        ((0, 1, 2, 3), (0, 1), True),
        ((0, 1, 2), (2,), False),  # outside the top k already
        ((0, 1, 2, 3), (0, 2), True),  # one of them is inside
        ((1, 2, 3), (0,), False),  # inside, but not relevant
        ((), (0,), False),
    ],
)
def test_global_eligibility(
    relevant: tuple[int, ...], specified: tuple[int, ...], eligible: bool
) -> None:
    found, targets = global_targets(F, mask(*relevant), specified, 2)
    assert found.tolist() == [eligible]
    assert targets.specified.equal(mask(*specified))


@pytest.mark.parametrize(
    ("relevant", "n_specified", "eligible"),
    [
        ((0, 1, 2), 1, True),
        ((0, 1, 2), 2, False),  # |Y| = 3 < k + 2
        ((0, 1, 2, 3), 2, True),
        ((0, 2, 3, 4), 2, False),  # one relevant label in the top k
        ((0, 2, 3), 1, True),
        ((2, 3, 4, 5), 1, False),
        ((0, 1, 2, 3, 4, 5), 3, False),  # more than k
    ],
)
def test_random_eligibility(relevant: tuple[int, ...], n_specified: int, eligible: bool) -> None:
    found, targets = random_targets(F, mask(*relevant), 2, n_specified, ["a"], seed=0)
    assert found.tolist() == [eligible]
    assert int(targets.specified.sum()) == (n_specified if eligible else 0)
    assert not bool((targets.specified & ~(mask(*relevant) & mask(0, 1))).any())


def test_no_eligible_image_is_no_error() -> None:
    logits, relevant = torch.zeros(0, 6), torch.zeros(0, 6, dtype=torch.bool)
    assert global_targets(logits, relevant, [0], 2)[0].shape == (0,)
    assert random_targets(logits, relevant, 2, 1, [], 0)[0].shape == (0,)


@settings(max_examples=40)
@given(st.integers(0, 1000), st.integers(1, 3), st.integers(1, 3))
def test_the_draw_of_an_image_depends_on_its_id_alone(seed: int, k: int, count: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(8, 7, generator=generator)
    relevant = torch.rand(8, 7, generator=generator) < 0.8
    ids = [f"image{i}" for i in range(8)]
    eligible, targets = random_targets(logits, relevant, k, count, ids, seed)
    order = torch.randperm(8, generator=generator)[:5]
    some, fewer = random_targets(
        logits[order], relevant[order], k, count, [ids[i] for i in order], seed
    )
    assert some.equal(eligible[order])
    assert fewer.specified.equal(targets.specified[order])
    drawn = targets.specified[eligible]
    assert bool((drawn.sum(1) == count).all())
    assert bool((~drawn | (relevant & top_k_mask(logits, k))[eligible]).all())
    if count > 1:
        smaller = random_targets(logits, relevant, k, count - 1, ids, seed)[1].specified
        assert bool((~smaller[eligible] | drawn).all())


def test_another_seed_draws_other_labels() -> None:
    logits, relevant = torch.zeros(50, 9), torch.ones(50, 9, dtype=torch.bool)
    draws = [random_targets(logits, relevant, 4, 2, range(50), seed)[1] for seed in (0, 1)]
    assert not draws[0].specified.equal(draws[1].specified)
    # All candidates occur.
    assert bool(draws[0].specified.any(0)[:4].all())


@pytest.mark.parametrize(
    ("after", "removed", "strict"),
    [
        ((6, 5, 4, 3, 2, 1), False, False),  # nothing happened
        ((0, 5, 4, 3, 2, 1), True, True),  # label 2 took the place of 0
        ((0, 5, 1, 3, 2, 4), True, False),  # label 5 took it, which is not relevant
        ((4.5, 5, 4, 3, 2, 1), False, False),  # still second
        ((0, 1, 2, 3, 4, 5), True, False),
        ((0, 4, 5, 3, 2, 1), True, True),  # the order within the relevant ones is free
    ],
)
def test_success(after: tuple[float, ...], removed: bool, strict: bool) -> None:
    targets = TopkTargets(mask(0, 1, 2), mask(0, 3), 2)
    logits = torch.tensor([after], dtype=torch.float32)
    assert reached(logits, build_goal(targets, F, "removed")).tolist() == [removed]
    assert reached(logits, build_goal(targets, F, "strict")).tolist() == [strict]


def test_specified_labels_that_are_not_relevant_may_stay() -> None:
    targets = TopkTargets(mask(0, 2, 3), mask(0, 1), 2)
    stays = torch.tensor([[0.0, 5, 4, 3, 2, 1]])
    assert bool(reached(stays, build_goal(targets, F, "removed")))


def example() -> tuple[Tensor, TopkTargets]:
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(60, 12, generator=generator)
    relevant = torch.rand(60, 12, generator=generator) < 0.7
    _, targets = global_targets(logits, relevant, [0, 3, 5], 3)
    return logits, targets


def test_hidden_labels_are_never_the_specified_ones_nor_all_and_grow() -> None:
    logits, targets = example()
    before = targets.relevant
    for hidden in (0.0, 0.25, 0.5, 0.9):
        view = uncertain_targets(targets, logits, range(60), hidden=hidden, seed=1)
        assert view.truth is targets.relevant
        assert bool((~view.relevant | before).all())
        assert (view.relevant & view.specified).equal(targets.relevant & targets.specified)
        others = (targets.relevant & ~targets.specified).sum(1)
        left = (view.relevant & ~view.specified).sum(1)
        asked = torch.minimum((hidden * others).round().long(), (others - 1).clamp(min=0))
        assert left.equal(others - asked)
        before = view.relevant
    some = torch.tensor([5, 17])
    part = uncertain_targets(targets[some], logits[some], some.tolist(), hidden=0.9, seed=1)
    assert part.relevant.equal(before[some])


def test_inferred_labels_are_the_models_own() -> None:
    logits, targets = example()
    view = uncertain_targets(targets, logits, range(60), knowledge="inferred")
    assert view.relevant.equal((logits > 0) | top_k_mask(logits, 3))
    assert view.true_relevant.equal(targets.relevant)
    dark = uncertain_targets(targets, logits - 100, range(60), knowledge="inferred")
    assert dark.relevant.equal(top_k_mask(logits, 3))


def test_strict_success_is_in_the_eyes_of_whoever_judges() -> None:
    logits, targets = example()
    goal = build_goal(targets, logits, "strict")
    assert goal.floor is not None
    assert goal.floor.equal(measures(logits, targets.relevant, 3))


def test_wrong_targets_are_refused() -> None:
    with pytest.raises(UserError, match="below the number of labels"):
        TopkTargets(mask(0), mask(0), 6)
    with pytest.raises(UserError, match="one shape"):
        TopkTargets(mask(0), mask(0, c=5), 2)
    for wrong in ([], [6], [-1]):
        with pytest.raises(UserError, match="indices of labels"):
            global_targets(F, mask(0), wrong, 2)
    with pytest.raises(UserError, match="at least one label"):
        random_targets(F, mask(0), 2, 0, ["a"], 0)
    with pytest.raises(UserError, match="id of its own"):
        random_targets(F, mask(0, 1, 2), 2, 1, ["a", "b"], 0)
