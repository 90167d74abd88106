"""Networks trained side by side are those trained one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from advlearn.learners.networks import build
from advlearn.learners.networks.stack import FlatStack, Stack, stackable
from advlearn.settings.network import NetworkSettings
from advlearn.support.checkpoint import Checkpoint, SavedState
from advlearn.support.errors import UserError
from advlearn.training.fit import make_optimiser
from advlearn.training.stack import (
    StackedOptimiser,
    UnsoundCraftingError,
    pays,
    stacked_parts,
    train_stack,
)
from advlearn.training.stack_batches import Member
from tests.helpers.interrupted import Killed, killed_after_each_save

N, SHAPE, CLASSES = 60, (1, 8, 8), 4
Optimisers = tuple[Literal["adam", "sgd"], ...]
ADAM: Optimisers = ("adam",) * 3


def pool() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(N, *SHAPE, generator=generator, dtype=torch.float64)
    return images, torch.randint(0, CLASSES, (N,), generator=generator)


def network(name: Literal["mlp", "cnn"], seed: int = 0, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(seed)
    settings = NetworkSettings(name=name, hidden=(12,), channels=(3,), dropout=dropout)
    return build(settings, SHAPE, CLASSES).double()


def members(
    name: Literal["mlp", "cnn"], dropout: float = 0.0, optimisers: Optimisers = ADAM
) -> list[Member]:
    """Trainings of other lengths, batch sizes and rates; the longest is not the first."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for seed, (steps, size, rate) in enumerate([(3, 16, 0.01), (9, 7, 0.03), (1, 1, 0.1)]):
        batches = [torch.randint(0, N, (size - step % 2,), generator=generator)
                   if size > 1 else torch.tensor([5]) for step in range(steps)]  # fmt: skip
        start = network(name, seed, dropout).state_dict()
        found.append(Member(start, batches, rate, min(steps, 2), optimisers[seed]))
    return found


def alone(name: Literal["mlp", "cnn"], member: Member) -> tuple[dict[str, Tensor], float]:
    """The same training by PyTorch's own optimiser."""
    trained = network(name)
    trained.load_state_dict(member.start)
    solver = make_optimiser(trained, member.optimiser, member.learning_rate)
    images, labels = pool()
    losses = []
    for batch in member.batches:
        solver.zero_grad()
        loss = nn.functional.cross_entropy(trained(images[batch]), labels[batch])
        loss.backward()
        solver.step()
        losses.append((float(loss.detach()) * len(batch), len(batch)))
    total, count = map(sum, zip(*losses[-member.last :], strict=True))
    return trained.state_dict(), total / count


@pytest.mark.parametrize("optimisers", [ADAM, ("sgd",) * 3, ("sgd", "adam", "sgd")])
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_side_by_side_is_one_after_the_other(
    name: Literal["mlp", "cnn"], optimisers: Optimisers
) -> None:
    """In float64, so that rounding is far below a wrong rate, order, mask or moment."""
    given = members(name, optimisers=optimisers)
    found = train_stack(network(name), *pool(), given, 0)
    for member, trained in zip(given, found, strict=True):
        state, loss = alone(name, member)
        assert trained.loss == pytest.approx(loss, rel=1e-10)
        for key, value in state.items():
            torch.testing.assert_close(trained.state[key], value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_one_step_in_single_precision(optimiser: Literal["adam", "sgd"]) -> None:
    images, labels = pool()
    given = members("cnn", optimisers=(optimiser,) * 3)
    given = [m._replace(batches=m.batches[:1], last=1) for m in given]
    single = [m._replace(start={k: v.float() for k, v in m.start.items()}) for m in given]
    found = train_stack(network("cnn").float(), images.float(), labels, single, 0)
    for member, trained in zip(given, found, strict=True):
        state, _ = alone("cnn", member)
        for key, value in state.items():
            torch.testing.assert_close(trained.state[key].double(), value, rtol=0, atol=1e-5)


def test_a_network_is_not_changed_and_members_are_their_own() -> None:
    given = network("mlp")
    before = {key: value.clone() for key, value in given.state_dict().items()}
    one, two, three = train_stack(given, *pool(), members("mlp"), 0)
    assert all(torch.equal(before[key], value) for key, value in given.state_dict().items())
    assert not torch.equal(one.state["1.weight"], two.state["1.weight"])
    assert not torch.equal(two.state["1.weight"], three.state["1.weight"])


def test_dropout_draws_a_mask_for_each_member() -> None:
    state = network("mlp", dropout=0.5).state_dict()
    stack = Stack(network("mlp", dropout=0.5), [state, state]).train()
    torch.manual_seed(0)
    first, second = stack(torch.ones(2, 8, *SHAPE, dtype=torch.float64))
    assert not torch.equal(first, second)
    first, second = stack.eval()(torch.ones(2, 8, *SHAPE, dtype=torch.float64))
    assert torch.equal(first, second)


def test_each_member_has_a_rate_of_dropout_of_its_own() -> None:
    given = network("mlp", dropout=0.5)
    ones = {key: torch.zeros_like(value) for key, value in given.state_dict().items()}
    last = max(key for key in ones if key.endswith("weight"))
    # Hidden units of 1, of which the logits are the sum.
    ones["1.bias"] += 1
    ones[last] += 1
    stack = Stack(given, [ones] * 3, [0.0, 0.25, None]).train()
    torch.manual_seed(0)
    logits = stack(torch.ones(3, 2000, *SHAPE, dtype=torch.float64)).detach()
    assert (logits[0] == 12).all()
    for own, rate in zip(logits[1:], (0.25, 0.5), strict=True):
        assert abs(float(own.mean()) - 12) < 0.5
        kept = own[:, 0] * (1 - rate)
        torch.testing.assert_close(kept, kept.round())
        assert abs(float(kept.mean()) - 12 * (1 - rate)) < 0.2
    assert stack.states()[0].keys() == given.state_dict().keys()
    plain = network("mlp")
    with pytest.raises(UserError, match="without layers of dropout"):
        Stack(plain, [plain.state_dict()], [0.1])


class Shared(nn.Module):
    """Two layers with the same weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first = self.second = nn.Linear(64, 64)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.second(self.first(images.flatten(1)))
        return logits


class Counting(nn.Module):
    """Replaces a buffer in training; with ``looks`` it also looks at its input."""

    def __init__(self, looks: bool) -> None:
        super().__init__()
        self.layer, self.looks = nn.Linear(64, 4), looks
        self.count: Tensor
        self.register_buffer("count", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        if self.looks and images.max() > 2:
            return images.flatten(1)
        if self.training and not self.looks:
            self.count = self.count + 1
        logits: Tensor = self.layer(images.flatten(1))
        return logits


def test_networks_that_do_not_stack_are_noticed() -> None:
    images = pool()[0].float()[:2]
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for name in ("mlp", "cnn"):
        given = network(name, dropout=0.5).float()
        torch.set_rng_state(before)
        assert stackable(given, images)
        assert torch.equal(torch.get_rng_state(), before)
    for other in (Shared(), Counting(looks=False), Counting(looks=True)):
        assert not stackable(other, images)
    assert not pays(torch.device("cpu"), network("mlp").float(), images)


class Partly(nn.Module):
    """A layer that is not to be trained, one that is, and one that is not used."""

    def __init__(self) -> None:
        super().__init__()
        self.fixed, self.last, self.unused = nn.Linear(64, 8), nn.Linear(8, 4), nn.Linear(2, 2)
        self.fixed.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.last(self.fixed(images.flatten(1)))
        return logits


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_weights_that_are_not_trained_stay_as_they_are(optimiser: str) -> None:
    torch.manual_seed(0)
    given = Partly().double()
    images, labels = pool()
    batches = [torch.arange(20), torch.arange(20, 60)]
    start = {key: value.clone() for key, value in given.state_dict().items()}
    members = [Member(start, batches, 0.1, 1, optimiser)] * 2
    _, found = train_stack(given, images, labels, members, 0)
    solver = make_optimiser(given, optimiser, 0.1)
    for batch in batches:
        solver.zero_grad()
        nn.functional.cross_entropy(given(images[batch]), labels[batch]).backward()
        solver.step()
    for key, value in given.state_dict().items():
        torch.testing.assert_close(found.state[key], value, rtol=1e-9, atol=1e-12)
        assert torch.equal(value, start[key]) == (not key.startswith("last"))


def test_a_flat_stack_is_a_network_for_attacks() -> None:
    images, _ = pool()
    networks = [network("cnn", seed).eval() for seed in range(3)]
    stack = Stack(networks[0], [each.state_dict() for each in networks]).eval()
    logits = FlatStack(stack)(images)
    assert len(stack) == 3
    for each, part, own in zip(networks, images.split(20), logits.split(20), strict=True):
        torch.testing.assert_close(own, each(part))
    for each, own in zip(networks, stack.states(), strict=True):
        assert {key: value.tolist() for key, value in each.state_dict().items()} == {
            key: value.tolist() for key, value in own.items()
        }


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_members_that_are_done_stay_as_they_are(name: str) -> None:
    """Those beyond the step, and those that it holds and that make none."""
    starts = [network("mlp", seed).state_dict() for seed in range(3)]
    stack = Stack(network("mlp"), starts)
    solver = StackedOptimiser(stack, [name] * 3, [0.1] * 3)
    images, labels = pool()
    before = stack.states()
    for active in ([True, True], [True, False]):
        solver.zero_grad()
        logits = stack(images.expand(2, *images.shape))
        nn.functional.cross_entropy(logits[0], labels).backward()
        solver.step(torch.tensor(active))
        first, second, third = stack.states()
        assert not torch.equal(first["1.weight"], before[0]["1.weight"])
        assert torch.equal(third["1.weight"], before[2]["1.weight"])
        for key, value in second.items():
            assert torch.equal(value, before[1][key])


def test_a_killed_training_ends_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results: list[object] = []

    def job() -> None:
        checkpoint = Checkpoint(tmp_path / "out", "advlearn.training.stack", (), ())
        results.append(run(checkpoint))

    def run(checkpoint: Checkpoint | None) -> object:
        given = members("mlp", 0.3)
        found = train_stack(network("mlp", dropout=0.3), *pool(), given, 2, checkpoint)
        return [
            (each.loss, {key: value.tolist() for key, value in each.state.items()})
            for each in found
        ]

    assert killed_after_each_save(job, monkeypatch) > 3
    assert results == [run(None)]


def test_a_member_that_diverges_is_an_error() -> None:
    given = [each._replace(learning_rate=1e200, optimiser="sgd") for each in members("mlp")]
    with pytest.raises(UserError, match="diverged"):
        train_stack(network("mlp"), *pool(), given, 0)


def test_what_is_not_finite_in_a_stack_is_left_to_the_caller(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = ["one", "two", "three"]

    def make(some: slice) -> list[SavedState]:
        if "two" in names[some]:
            raise UnsoundCraftingError("not finite", where="here", remedy="none")
        return [{"loss": 0.5} for _ in names[some]]

    assert list(stacked_parts("what", names, 1, make, Checkpoint.off())) == ["one"]
    assert "not finite: on with one network after the other" in capsys.readouterr().err


def test_a_larger_stack_does_not_meet_the_state_of_a_smaller_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a resumed job tries a stack that did not fit, whose half was in hand."""
    monkeypatch.setenv("ADVLEARN_SAVE_SECONDS", "0")
    given, checkpoint = (
        members("mlp"),
        Checkpoint(tmp_path / "out", "advlearn.training.stack", (), ()),
    )

    def killed(self: Checkpoint) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", killed)
        with pytest.raises(Killed):
            train_stack(network("mlp"), *pool(), given[:2], 0, checkpoint)
    found = train_stack(network("mlp"), *pool(), given, 0, checkpoint)
    expected = train_stack(network("mlp"), *pool(), given, 0)
    assert [each.loss for each in found] == [each.loss for each in expected]


def test_parts_of_a_stack_that_does_not_fit_are_made_in_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"model {i}" for i in range(7)]
    stacks: list[int] = []

    def make(some: slice) -> list[SavedState]:
        own = names[some]
        if len(own) > 2:
            raise torch.OutOfMemoryError("full")
        stacks.append(len(own))
        return [{"loss": 0.5, "a/b": np.full(2, len(name) + some.start)} for name in own]

    def run() -> dict[str, SavedState]:
        checkpoint = Checkpoint(tmp_path / "out", "advlearn.training.stack", (), ())
        return stacked_parts("what", names, 5, make, checkpoint)

    found = run()
    assert stacks == [2, 2, 2, 1]
    assert list(found) == names
    assert found["model 5"]["loss"] == 0.5
    assert found["model 5"]["a/b"].tolist() == [11, 11]
    assert "on with batches of 2" in capsys.readouterr().err
    assert killed_after_each_save(run, monkeypatch) == 4
    assert {name: part["a/b"].tolist() for name, part in run().items()} == {
        name: part["a/b"].tolist() for name, part in found.items()
    }
