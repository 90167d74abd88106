"""Adversarial training side by side is that of each network alone, with its own attack."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from statistics import pstdev

import pytest
import torch
from torch import Tensor, nn

from advlearn.attacks.stacked import solver_of
from advlearn.learners.networks import build
from advlearn.settings.attack import AttackSettings, FgsmSettings, PgdSettings
from advlearn.settings.network import NetworkSettings, RetrainSettings
from advlearn.support.checkpoint import Checkpoint
from advlearn.training.adversarial import online_attack, online_settings, pooled_steps, retrain
from advlearn.training.stack import StackedStep, UnsoundCraftingError, train_stack
from advlearn.training.stack_batches import Member, StackBatches
from tests.helpers import hostile
from tests.helpers.interrupted import killed_after_each_save
from tests.helpers.waiting import NoWaiting

N, SHAPE, CLASSES, STEPS, SEED = 40, (1, 6, 6), 3, 3, 7

FGSM = [FgsmSettings(epsilon=epsilon) for epsilon in (0.05, 0.1, 0.2)]
PLAIN = [PgdSettings(epsilon=each, random_start=False) for each in (0.05, 0.1, 0.2)]
RANDOM = [PgdSettings(epsilon=each) for each in (0.1, 0.1, 0.2)]
L2: list[AttackSettings] = [
    PgdSettings(epsilon=0.5, norm="l2"),
    FgsmSettings(epsilon=0.3, norm="l2"),
    PLAIN[0],
]
MIXED: list[AttackSettings] = [FgsmSettings(epsilon=0.2), PgdSettings(epsilon=0.1), PLAIN[1]]
OPEN: list[AttackSettings] = [
    PgdSettings(epsilon=0.03, step_size=0.05, ball="iterate"),
    FgsmSettings(epsilon=0.1, labels="predicted"),
    PgdSettings(epsilon=0.02, step_size=0.01, random_start=False, ball="iterate"),
]
UNCUT: list[AttackSettings] = [
    PgdSettings(epsilon=0.1, clip=False),
    FgsmSettings(epsilon=0.2, clip=False, labels="predicted"),
    PgdSettings(epsilon=0.03, ball="iterate"),
]
ATTACKS: dict[str, Sequence[AttackSettings]] = {
    "fgsm": FGSM,
    "pgd": PLAIN,
    "random": RANDOM,
    "l2": L2,
    "mixed": MIXED,
    "open": OPEN,
    "uncut": UNCUT,
}

WAYS = [
    RetrainSettings(crafting="online", batch_size=16, learning_rate=0.01),
    RetrainSettings(crafting="online", batch_size=16, schedule="mixed", optimiser="sgd"),
    RetrainSettings(crafting="online", batch_size=7, schedule="adversarial_only", epochs=2),
]
"""Of each member."""
COUNTED = [
    RetrainSettings(crafting="online", batch_size=16, adversarial_steps=7, clean_steps=2),
    RetrainSettings(
        crafting="online", batch_size=16, schedule="mixed", adversarial_steps=6, clean_steps=1,
        further_clean_epochs=1,
    ),
    RetrainSettings(
        crafting="online", batch_size=7, schedule="clean_then_adversarial", share=0.4,
        clean_steps=3, epochs=2, further_clean_epochs=2,
    ),
]  # fmt: skip
CHOSEN = (torch.arange(0, N, 2), torch.arange(N), torch.arange(5, 30))


def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(N, *SHAPE, generator=generator, dtype=torch.float64)
    return images, torch.randint(0, CLASSES, (N,), generator=generator)


def network(seed: int, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(seed)
    settings = NetworkSettings(name="cnn", hidden=(10,), channels=(3,), dropout=dropout)
    return build(settings, SHAPE, CLASSES).double()


def alone(i: int, attack: AttackSettings, how: RetrainSettings) -> tuple[nn.Module, float]:
    trained = network(i)
    craft = online_attack(attack, STEPS)
    loss = retrain(trained, *data(), None, CHOSEN[i], how, SEED, craft)
    return trained, loss


def member(i: int, attack: AttackSettings, how: RetrainSettings, start: nn.Module) -> Member:
    batches, last = pooled_steps(N, CHOSEN[i], how, SEED, N)
    solver = solver_of(online_settings(attack, STEPS))
    return Member(
        start.state_dict(), batches, how.learning_rate, last, how.optimiser, None, solver, SEED
    )


@pytest.mark.parametrize("ways", [WAYS, COUNTED], ids=["by size", "counted"])
@pytest.mark.parametrize("name", ATTACKS)
def test_online_crafting_is_that_of_each_member_alone(
    name: str, ways: list[RetrainSettings]
) -> None:
    """Many steps in float64, where no rounding turns the sign of a gradient."""
    cases = list(zip(range(3), ATTACKS[name], ways, strict=True))
    given = [member(i, attack, how, network(i)) for i, attack, how in cases]
    found = train_stack(network(0), *data(), given, 0)
    for case, trained in zip(cases, found, strict=True):
        expected, loss = alone(*case)
        assert trained.loss == pytest.approx(loss, rel=1e-9)
        for key, value in expected.state_dict().items():
            torch.testing.assert_close(trained.state[key], value, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
@pytest.mark.parametrize("name", ATTACKS)
def test_one_step_in_single_precision(name: str, optimiser: str) -> None:
    images, labels = data()
    images = images.float()
    how = RetrainSettings.model_validate(
        {"crafting": "online", "schedule": "adversarial_only", "batch_size": N,
         "optimiser": optimiser}
    )  # fmt: skip
    starts = [network(i).float() for i in range(3)]
    cases = list(zip(range(3), ATTACKS[name], starts, strict=True))
    given = [member(i, attack, how, start) for i, attack, start in cases]
    found = train_stack(starts[0], images, labels, given, 0)
    for (i, attack, start), trained in zip(cases, found, strict=True):
        expected = deepcopy(start)
        craft = online_attack(attack, STEPS)
        retrain(expected, images, labels, None, CHOSEN[i], how, SEED, craft)
        for key, value in expected.state_dict().items():
            torch.testing.assert_close(trained.state[key], value, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_step_waits_for_nothing_and_keeps_its_tensors(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a GPU is always busy, and a step can be recorded as a graph."""
    shapes, places = set(), set()
    step = StackedStep.__call__

    def watched(
        self: StackedStep,
        positions: Tensor,
        in_last: Tensor,
        shifts: Tensor | None,
        *,
        crafts: bool,
    ) -> None:
        with NoWaiting():
            step(self, positions, in_last, shifts, crafts=crafts)
        shapes.add((*positions.shape, crafts))
        kept = [value for state in self._solver.state.values() for value in state.values()]
        tensors = [*self._stack.parameters(), *self._stack.buffers(), *kept, *self._sums.values()]
        places.add(tuple(tensor.data_ptr() for tensor in tensors))

    monkeypatch.setattr(StackedStep, "__call__", watched)
    cases = zip(range(3), ATTACKS[name], WAYS, strict=True)
    given = [member(i, attack, how, network(i)) for i, attack, how in cases]
    train_stack(network(0), *data(), given, 0)
    assert len(places) == 1
    assert {width for _, width, _ in shapes} == {16}


def test_a_wait_is_noticed() -> None:
    """Else the test before shows nothing."""
    values = torch.ones(3)
    for wait in (lambda: float(values[0]), lambda: values[values > 0], values.nonzero):
        with pytest.raises(AssertionError, match="waits for the device"), NoWaiting():
            wait()


def test_steps_have_few_shapes() -> None:
    """Members of 40 lengths: each is trained in full, in at most eight shapes."""
    start = network(0).state_dict()
    batches = [torch.arange(5)] * 40
    given = [Member(start, batches[:length], 0.1, 1) for length in range(1, 41)]
    steps = StackBatches(given[::-1], data()[0])
    heights = [len(steps[number].positions) for number in range(len(steps))]
    assert len(set(heights)) <= 8
    for number, height in enumerate(heights):
        there = (steps[number].positions >= 0).any(1)
        assert int(there.sum()) == 40 - number <= height
        # Only the first: the others have ended.
        assert there[: 40 - number].all()


def test_after_training_members_differ_by_less_than_seeds_do() -> None:
    """In single precision, where signs of gradients may turn: the losses are those of alone."""
    images, labels = data()
    images = images.float()
    how = RetrainSettings(crafting="online", batch_size=16, epochs=6, learning_rate=0.01)
    attack, starts = PgdSettings(epsilon=0.1), [network(i).float() for i in range(5)]
    given = [member(1, attack, how, start) for start in starts]
    together = [each.loss for each in train_stack(starts[0], images, labels, given, 0)]
    craft = online_attack(attack, STEPS)
    alone = [
        retrain(deepcopy(start), images, labels, None, CHOSEN[1], how, SEED, craft)
        for start in starts
    ]
    apart = [abs(one - other) for one, other in zip(together, alone, strict=True)]
    assert max(apart) < 0.1 * pstdev(alone)


def test_members_that_craft_beside_members_that_do_not() -> None:
    images, labels = data()
    static = RetrainSettings(batch_size=16, learning_rate=0.01)
    adversarial = (images + 0.1 * torch.randn_like(images)).clamp(0, 1)
    batches, last = pooled_steps(N, CHOSEN[1], static, SEED, N)
    pool = torch.cat([images, adversarial])
    own = Member(network(1).state_dict(), batches, 0.01, last)
    crafting = member(0, MIXED[1], WAYS[0], network(0))
    # The pool is longer, so crafted positions begin later.
    crafting = crafting._replace(batches=pooled_steps(N, CHOSEN[0], WAYS[0], SEED, 2 * N)[0])
    found = train_stack(network(0), pool, labels.repeat(2), [own, crafting], 0)
    plain = network(1)
    craft = online_attack(FgsmSettings(), 1)
    retrain(plain, images, labels, adversarial[CHOSEN[1]], CHOSEN[1], static, SEED, craft)
    for expected, trained in zip((plain, alone(0, MIXED[1], WAYS[0])[0]), found, strict=True):
        for key, value in expected.state_dict().items():
            torch.testing.assert_close(trained.state[key], value, rtol=1e-8, atol=1e-11)


def test_a_killed_training_ends_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results: list[object] = []

    def run(checkpoint: Checkpoint | None) -> object:
        given = [
            member(i, attack, how, network(i, 0.3))
            for i, attack, how in zip(range(3), RANDOM, WAYS, strict=True)
        ]
        found = train_stack(network(0, 0.3), *data(), given, 2, checkpoint)
        return [(each.loss, {k: v.tolist() for k, v in each.state.items()}) for each in found]

    def job() -> None:
        results.append(run(Checkpoint(tmp_path / "out", "advlearn.training.stack", (), ())))

    assert killed_after_each_save(job, monkeypatch) > 3
    assert results == [run(None)]


def test_gradients_that_are_not_finite_are_an_error() -> None:
    still = hostile.still(None, SHAPE, CLASSES).double()
    given = [member(i, FGSM[i], WAYS[0], still) for i in range(2)]
    with pytest.raises(UnsoundCraftingError, match="input gradients are not finite in"):
        train_stack(still, *data(), given, 0)
