"""The sequence of batches of each schedule, counted against its definition in the settings."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import Tensor

from advlearn.settings.network import RetrainSettings
from advlearn.training.adversarial import (
    Step,
    number_of_steps,
    orders,
    pooled_steps,
    steps_of_epoch,
)
from advlearn.training.fit import shuffled

Schedule = Literal["interleaved", "adversarial_only", "clean_then_adversarial", "mixed"]
SCHEDULES: tuple[Schedule, ...] = (
    "interleaved",
    "adversarial_only",
    "clean_then_adversarial",
    "mixed",
)
UNMIXED = SCHEDULES[:3]
PROPERTY = hypothesis_settings(max_examples=150, deadline=None, derandomize=True)


def batches(n: int, size: int) -> int:
    """Batches of an epoch of n images: a single one left over joins the batch before."""
    whole, left = divmod(n, size)
    return whole + (left > 1 or (left == 1 and not whole))


def epoch(n: int, m: int, how: RetrainSettings, seed: int = 0, number: int = 1) -> list[Step]:
    return steps_of_epoch(n, m, how, *orders(seed), number)


def kinds(steps: list[Step]) -> str:
    """c: a clean step, a: an adversarial one; no step is empty or, but for mixed, both."""
    assert all(bool(len(step.clean)) != bool(len(step.selected)) for step in steps)
    return "".join("c" if len(step.clean) else "a" for step in steps)


def used(steps: list[Step], kind: Literal["clean", "selected"]) -> Tensor:
    parts = [getattr(step, kind) for step in steps]
    return torch.cat(parts) if parts else torch.empty(0, dtype=torch.int64)


def by_epochs(positions: Tensor, n: int) -> None:
    """Every image is used as often as any other, or once more."""
    counts = torch.bincount(positions, minlength=n)
    assert len(counts) == n
    assert int(counts.max()) - int(counts.min()) <= 1


SIZES = {
    "n": st.integers(1, 60),
    "m": st.integers(1, 60),
    "size": st.integers(2, 70),
    "clean_steps": st.none() | st.integers(1, 5),
}


@PROPERTY
@given(schedule=st.sampled_from(UNMIXED), fixed=st.none() | st.integers(1, 40), **SIZES)
def test_numbers_of_clean_and_adversarial_steps(
    schedule: Schedule, fixed: int | None, n: int, m: int, size: int, clean_steps: int | None
) -> None:
    only = schedule == "adversarial_only"
    how = RetrainSettings(
        schedule=schedule,
        batch_size=size,
        clean_steps=None if only else clean_steps,
        adversarial_steps=fixed,
    )
    steps = epoch(n, m, how)
    adversarial = fixed or batches(m, size)
    clean = 0 if only else batches(n, size) if clean_steps is None else clean_steps * adversarial
    found = kinds(steps)
    assert found.count("a") == adversarial
    assert found.count("c") == clean
    if schedule == "clean_then_adversarial":
        assert found == "c" * clean + "a" * adversarial
    if schedule == "interleaved" and clean_steps is not None:
        assert found == ("c" * clean_steps + "a") * adversarial
    if schedule == "interleaved" and clean_steps is None:
        # Spread evenly: after each clean step as many adversarial ones as are due.
        for done in range(1, clean + 1):
            until = [i for i, kind in enumerate(found) if kind == "c"][done - 1]
            assert found[:until].count("a") == (done - 1) * adversarial // clean
    by_epochs(used(steps, "selected"), m)
    if clean:
        by_epochs(used(steps, "clean"), n)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("clean_steps", [None, 1, 3])
def test_a_fixed_number_does_not_depend_on_the_selection(
    schedule: Schedule, clean_steps: int | None
) -> None:
    """Nor do the clean steps: of one image, of less than a batch, of many batches."""
    if schedule == "adversarial_only" and clean_steps:
        return
    how = RetrainSettings(
        schedule=schedule, batch_size=8, adversarial_steps=13, clean_steps=clean_steps
    )
    found = [epoch(50, m, how) for m in (1, 2, 7, 8, 9, 17, 50)]
    assert len({len(steps) for steps in found}) == 1
    assert len({len(used(steps, "clean")) for steps in found}) == 1
    if schedule == "mixed":
        assert {len(used(steps, "selected")) for steps in found} == {13 * 8}
    else:
        assert len({kinds(steps) for steps in found}) == 1
        assert kinds(found[0]).count("a") == 13
    without = epoch(50, 0, how)
    assert not len(used(without, "selected"))
    assert len(used(without, "clean")) == len(used(found[0], "clean"))


@PROPERTY
@given(
    schedule=st.sampled_from(SCHEDULES),
    share=st.floats(0.01, 1),
    number=st.integers(0, 5),
    **SIZES,
)
def test_a_share_is_of_the_selected_images(
    schedule: Schedule,
    share: float,
    number: int,
    n: int,
    m: int,
    size: int,
    clean_steps: int | None,
) -> None:
    if schedule == "adversarial_only":
        clean_steps = None
    how = RetrainSettings(schedule=schedule, batch_size=size, share=share, clean_steps=clean_steps)
    steps = epoch(n, m, how, number)
    positions = used(steps, "selected")
    expected = max(1, round(share * m))
    assert len(positions) == expected
    assert len(set(positions.tolist())) == expected
    if schedule != "mixed":
        assert kinds(steps).count("a") == batches(expected, size)


@PROPERTY
@given(fixed=st.none() | st.integers(1, 10), **SIZES)
def test_mixed_sets_hold_what_the_settings_say(
    fixed: int | None, n: int, m: int, size: int, clean_steps: int | None
) -> None:
    how = RetrainSettings(
        schedule="mixed", batch_size=size, clean_steps=clean_steps, adversarial_steps=fixed
    )
    steps = epoch(n, m, how)
    adversarial = fixed * size if fixed else m
    clean = n if clean_steps is None else clean_steps * adversarial
    assert len(used(steps, "selected")) == adversarial
    assert len(used(steps, "clean")) == clean
    assert len(steps) == batches(adversarial + clean, size)
    by_epochs(used(steps, "selected"), m)
    by_epochs(used(steps, "clean"), n)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_further_epochs_are_clean(schedule: Schedule) -> None:
    how = RetrainSettings(schedule=schedule, batch_size=8, epochs=2, further_clean_epochs=3)
    plain = how.model_copy(update={"further_clean_epochs": 0})
    positions = torch.arange(5, 30)
    found, last = pooled_steps(40, positions, how, 3, 40)
    assert number_of_steps(40, len(positions), how) == len(found)
    before, _ = pooled_steps(40, positions, plain, 3, 40)
    assert all(torch.equal(*pair) for pair in zip(found, before, strict=False))
    further = found[len(before) :]
    assert len(further) == 3 * 5
    assert last == 5
    for number in range(3):
        images = torch.cat(further[5 * number : 5 * number + 5])
        assert images.sort().values.tolist() == list(range(40))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_defaults_draw_what_they_always_drew(schedule: Schedule) -> None:
    """Written out once more: two generators, an epoch of each kind."""
    n, m, size = 21, 9, 4
    clean_order, adversarial_order = orders(5)
    none = torch.empty(0, dtype=torch.int64)
    expected: list[tuple[Tensor, Tensor]]
    if schedule == "mixed":
        both = shuffled(n + m, size, clean_order)
        expected = [(batch[batch < n], batch[batch >= n] - n) for batch in both]
    else:
        clean = [] if schedule == "adversarial_only" else shuffled(n, size, clean_order)
        selected = shuffled(m, size, adversarial_order)
        expected = [(batch, none) for batch in clean] + [(none, batch) for batch in selected]
        if schedule == "interleaved":
            # Five clean steps and two adversarial ones.
            expected = [expected[i] for i in (0, 1, 2, 5, 3, 4, 6)]
    found = epoch(n, m, RetrainSettings(schedule=schedule, batch_size=size), 5)
    assert len(found) == len(expected)
    for step, pair in zip(found, expected, strict=True):
        assert all(torch.equal(one, other) for one, other in zip(step, pair, strict=True))


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"schedule": "adversarial_only", "clean_steps": 2}, "clean_steps"),
        ({"adversarial_steps": 3, "share": 0.5}, "share"),
        ({"adversarial_steps": 3, "epochs": 2}, "epochs"),
    ],
)
def test_what_means_nothing_names_its_key(values: dict[str, Any], key: str) -> None:
    with pytest.raises(ValueError, match=f"{key}: "):
        RetrainSettings.model_validate(values)
