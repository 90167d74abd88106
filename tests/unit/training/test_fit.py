from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from advlearn.data.multilabel.store import MultiLabelSplit
from advlearn.settings.attack import PgdSettings
from advlearn.settings.multilabel import MultiLabelTraining
from advlearn.settings.network import RetrainSettings, TrainingSettings
from advlearn.support import finite
from advlearn.support.errors import UserError
from advlearn.training.adversarial import online_attack, retrain
from advlearn.training.clean import train_clean
from advlearn.training.fit import check_batch_size, make_optimiser, shuffled, training_mode
from advlearn.training.multilabel import all_scores, fit
from tests.helpers.device import Waits


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


@given(st.integers(0, 200), st.integers(1, 70))
def test_every_position_once_and_no_batch_of_one(n: int, batch_size: int) -> None:
    batches = shuffled(n, batch_size, generator())
    sizes = [len(batch) for batch in batches]
    assert sorted(int(place) for batch in batches for place in batch) == list(range(n))
    assert all(size == batch_size for size in sizes[:-1])
    if n > 1 and batch_size > 1:
        assert min(sizes) >= 2
    assert max(sizes, default=0) <= batch_size + 1
    # Other cuts are those of before: no run without a batch of one changes.
    if n and n % batch_size != 1:
        plain = torch.randperm(n, generator=generator()).split(batch_size)
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(batches, plain, strict=True))


def normed() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 2))


def images(n: int) -> tuple[Tensor, Tensor]:
    drawn = torch.rand((n, 1, 2, 2), generator=generator())
    return drawn, torch.arange(n) % 2


def test_a_single_image_is_seen_by_the_running_statistics() -> None:
    network = normed()
    one, _ = images(1)
    training_mode(network, 1)
    before = {name: value.clone() for name, value in network.named_buffers()}
    found = network(one)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.named_buffers())
    assert torch.equal(found, network.eval()(one))
    training_mode(network, 2)
    assert all(module.training for module in network.modules())


@pytest.mark.parametrize("n", [1, 2, 9, 17])
def test_batch_normalisation_is_trained_on_any_number_of_images(n: int) -> None:
    settings = TrainingSettings(epochs=2, batch_size=8)
    train_clean(normed(), *images(n), settings, 0)


@pytest.mark.parametrize("m", [0, 1, 2, 9])
@pytest.mark.parametrize("schedule", ["interleaved", "adversarial_only", "mixed"])
def test_any_number_of_selected_images(m: int, schedule: str) -> None:
    settings = RetrainSettings.model_validate({"batch_size": 8, "schedule": schedule})
    given_images, labels = images(16)
    chosen = torch.arange(m)
    loss = retrain(
        normed(), given_images, labels, given_images[chosen], chosen, settings, 0, lambda *_: _[1]
    )
    assert np.isfinite(loss)


@pytest.mark.parametrize("n", [1, 9, 17])
def test_several_labels_with_a_schedule_over_the_steps(n: int) -> None:
    drawn, _ = images(n)
    labels = np.ones((n, 2), dtype=bool)
    labels[::2, 0] = False
    split = MultiLabelSplit(labels, [str(i) for i in range(n)], drawn.numpy())
    settings = MultiLabelTraining(epochs=2, batch_size=8, schedule="cosine", augment=False)
    assert len(fit(normed(), split, split, settings, 0)) == 2


def test_batches_of_one_are_refused_for_batch_normalisation_alone() -> None:
    check_batch_size(normed(), 2)
    check_batch_size(nn.Linear(2, 2), 1)
    with pytest.raises(UserError, match="batches of one image"):
        check_batch_size(normed(), 1)


def test_no_step_is_made_with_a_loss_that_is_not_finite() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    given_images, labels = images(6)
    given_images[1:3] = torch.nan
    with pytest.raises(UserError, match="logits of 2 of 6 images are not finite"):
        train_clean(network, given_images, labels, TrainingSettings(batch_size=6), 0)
    assert all(torch.equal(value, kept[name]) for name, value in network.state_dict().items())


def test_weights_that_are_not_finite_are_an_error_after_the_last_step() -> None:
    class Steep(nn.Module):
        """Finite logits, and a gradient by the weights that is NaN."""

        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            size = (self.last.weight - self.last.weight.detach()).square().sum().sqrt()
            logits: Tensor = self.last(x.flatten(1)) + size
            return logits

    with pytest.raises(UserError, match="the weights are not finite"):
        train_clean(Steep(), *images(6), TrainingSettings(epochs=1, batch_size=6), 0)


def test_no_images_to_evaluate() -> None:
    with pytest.raises(UserError, match="at least one image"):
        all_scores(nn.Linear(2, 2), np.zeros((0, 2), dtype=np.float32), 4)


def trained(every: int, monkeypatch: pytest.MonkeyPatch, **changes: object) -> list[float]:
    """Mean losses and the sum of the weights where losses are looked at every few steps."""
    monkeypatch.setattr(finite, "EVERY_ON_CPU", every)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    settings = TrainingSettings.model_validate({"epochs": 2, "batch_size": 3, **changes})
    losses = train_clean(network, *images(31), settings, 0, lambda _, loss: loss)
    return [*losses, float(sum(weight.detach().sum() for weight in network.parameters()))]


@pytest.mark.parametrize("every", [2, 4, 100])
def test_looking_every_few_steps_gives_the_same_numbers(
    every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trained(every, monkeypatch) == trained(1, monkeypatch)


def test_a_loss_that_is_not_finite_is_the_same_error_however_often_it_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def error(every: int, crafting: bool) -> str:
        monkeypatch.setattr(finite, "EVERY_ON_CPU", every)
        given_images, labels = images(40)
        given_images[11] = torch.nan
        network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
        positions = torch.arange(40) if crafting else torch.arange(0)
        settings = RetrainSettings(batch_size=6, crafting="online", schedule="interleaved")
        attack = online_attack(PgdSettings(epsilon=0.1), 2)

        def craft(network: nn.Module, chosen: Tensor, labels: Tensor, seed: int) -> Tensor:
            return attack(network, chosen.nan_to_num(0.5), labels, seed)

        with pytest.raises(UserError) as caught:
            retrain(network, given_images, labels, None, positions, settings, 0, craft)
        return str(caught.value)

    for crafting in (False, True):
        expected = error(1, crafting)
        assert "logits of 1 of 6 images are not finite" in expected
        for every in (2, 4, 100):
            assert error(every, crafting) == expected


def test_no_training_step_waits_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def waits(every: int, n: int) -> int:
        monkeypatch.setattr(finite, "EVERY_ON_CPU", every)
        network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
        settings = TrainingSettings(epochs=1, batch_size=4, optimiser="sgd")
        with monkeypatch.context() as patched, Waits(patched) as found:
            train_clean(network, *images(n), settings, 0)
        assert not found.between
        return int(found.at_looks["_local_scalar_dense"] + found.at_looks["tolist"])

    # 10 steps more: a look at each, or two looks more in all.
    assert waits(1, 80) - waits(1, 40) == 10
    assert waits(5, 80) - waits(5, 40) == 2


PYTORCH: dict[str, Callable[[nn.Module], torch.optim.Optimizer]] = {
    "adam": lambda network: torch.optim.Adam(network.parameters(), lr=0.01, fused=True),
    "sgd": lambda network: torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9),
}


@pytest.mark.parametrize("name", PYTORCH)
def test_an_optimiser_takes_the_steps_of_pytorchs_own(name: str) -> None:
    def trained(make: Callable[[nn.Module], torch.optim.Optimizer]) -> list[Tensor]:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 3))
        optimiser, x = make(network), torch.rand(30, 6)
        for _ in range(20):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(x), torch.arange(30) % 3).backward()
            optimiser.step()
        return [parameter.detach() for parameter in network.parameters()]

    own = trained(lambda network: make_optimiser(network, name, 0.01))
    assert all(map(torch.equal, own, trained(PYTORCH[name])))


def test_training_does_not_import_pytorchs_compiler() -> None:
    """It takes a second, of which many a job has no more."""
    code = """
import sys
import torch
from advlearn.training.fit import make_optimiser
for name in ("adam", "sgd"):
    network = torch.nn.Linear(2, 2)
    optimiser = make_optimiser(network, name, 0.1)
    optimiser.zero_grad()
    network(torch.ones(3, 2)).sum().backward()
    optimiser.step()
    optimiser.load_state_dict(optimiser.state_dict())
sys.exit("torch._dynamo" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
