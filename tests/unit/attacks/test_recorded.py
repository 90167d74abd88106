"""Steps that a GPU records and repeats, by a recorder that repeats operations on a CPU."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advlearn.attacks import topk
from advlearn.attacks.robustness import robust_verdicts
from advlearn.deviations import topk as losses
from advlearn.learners import recording
from advlearn.learners.recording import WARM_UP, RepeatedStep, recordable
from advlearn.settings.attack import PgdSettings
from advlearn.settings.topk import METHODS, OwnTopkMethod, authors, sound
from advlearn.support import finite
from advlearn.training.stack import train_stack
from tests.helpers import images as images_helper
from tests.helpers import scenes
from tests.helpers.recording import EmulatedRecorder
from tests.unit.training import test_stack as stacks


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> type[EmulatedRecorder]:
    class Counted(EmulatedRecorder):
        pass

    monkeypatch.setattr(recording, "recorder_of", lambda device: Counted())
    monkeypatch.setattr(finite, "EVERY_ON_CPU", 4)
    return Counted


CPU = torch.device("cpu")
TINY = nn.Linear(1, 1)


def test_a_step_is_made_once_a_call(recorder: type[EmulatedRecorder]) -> None:
    total, made = torch.zeros(()), []

    def step() -> None:
        made.append(1)
        total.add_(1)

    repeated = RepeatedStep(step, CPU, TINY)
    for number in range(1, 9):
        repeated()
        assert int(total) == number
    assert recorder.records == 1
    assert len(made) == WARM_UP + 1


def test_what_cannot_be_recorded_is_made_as_it_is(recorder: type[EmulatedRecorder]) -> None:
    total = torch.zeros(())
    repeated = RepeatedStep(lambda: total.add_(float(total) + 1), CPU, TINY)  # type: ignore[arg-type]
    for _ in range(6):
        repeated()
    assert int(total) == 2**6 - 1
    assert recorder.records == 0


def test_a_result_that_is_bound_anew_is_not_repeated(recorder: type[EmulatedRecorder]) -> None:
    state = {"total": torch.zeros(())}

    def step() -> None:
        state["total"] = state["total"] + 1

    repeated = RepeatedStep(step, CPU, TINY)
    for _ in range(8):
        repeated()
    # As on a GPU: the emulation would hide no such fault.
    assert int(state["total"]) < 8


class _Stream:
    """A stream that notes what it waits for."""

    def __init__(self, name: str, events: list[str]) -> None:
        self._name, self._events = name, events

    def wait_stream(self, other: _Stream) -> None:
        self._events.append(f"{self._name} waits for {other._name}")


@pytest.mark.parametrize("full", [False, True])
def test_what_follows_a_step_waits_for_it(full: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    # Of a step that ran out of memory, too: its tensors are free then, and a GPU that still reads
    # them would find what is written into them next.
    events: list[str] = []
    own, current = _Stream("own", events), _Stream("current", events)
    monkeypatch.setattr(recording, "_stream", lambda device: own)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: current)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())

    def step() -> None:
        events.append("step")
        if full:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError) if full else nullcontext():
        recording.CudaRecorder(torch.device("cuda")).warm_up(step)
    assert events == ["own waits for current", "step", "current waits for own"]


def test_networks_with_code_of_a_user_are_not_recorded() -> None:
    class Own(nn.Linear):
        pass

    assert recordable(scenes.small_network())
    assert not recordable(nn.Sequential(nn.Flatten(), Own(1, 1)))
    hooked = nn.Sequential(nn.Linear(1, 1))
    hooked[0].register_forward_hook(lambda *_: None)
    assert not recordable(hooked)


def outcome(model: nn.Module, settings: Any, batch_size: int) -> tuple[topk.TopkOutcome, Tensor]:
    images = scenes.scenes(8, torch.float64)
    targets = scenes.targets_of(topk.clean_logits(model, images, settings))
    perturbed = torch.full_like(images, torch.nan)

    def sink(positions: list[int], adversarial: Tensor) -> None:
        assert bool(perturbed[positions].isnan().all()), "an image was handed on twice"
        perturbed[positions] = adversarial

    found = topk.run(model, images, targets, settings, batch_size, sink=sink)
    return found, perturbed


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("preset", "batch_size"), [(authors, 5), (sound, 8)])
def test_recorded_attacks_on_the_top_k_find_the_same(
    method: Any, preset: Any, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    success = "strict" if batch_size == 5 else "removed"
    settings = preset(method, learning_rate=0.02, iterations=14, success=success)
    model = scenes.small_network(torch.float64)
    expected, images = outcome(model, settings, batch_size)

    class Counted(EmulatedRecorder):
        pass

    monkeypatch.setattr(recording, "recorder_of", lambda device: Counted())
    monkeypatch.setattr(finite, "EVERY_ON_CPU", 3)
    found, perturbed = outcome(model, settings, batch_size)
    if not method.startswith("kfool"):
        # kFool is over before anything is recorded.
        assert Counted.records >= 1
    assert found.success.equal(expected.success)
    assert found.iterations.equal(expected.iterations)
    for one, other in ((found.l2, expected.l2), (perturbed, images)):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9)


def test_a_loss_of_the_users_own_is_not_recorded(
    recorder: type[EmulatedRecorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("own_losses")
    module.__dict__["removal"] = lambda settings: losses.build("tkmia", "removal")
    monkeypatch.setitem(sys.modules, "own_losses", module)
    model, values = scenes.small_network(torch.float64), {"learning_rate": 0.02, "iterations": 14}
    own = OwnTopkMethod(function="own_losses:removal")
    expected, images = outcome(model, sound("tkmia", surrogate="removal", **values), 8)
    recorded = recorder.records
    found, perturbed = outcome(model, sound("mine", own=own, **values), 8)
    assert recorder.records == recorded > 0
    assert found.success.equal(expected.success)
    torch.testing.assert_close(perturbed, images, rtol=0, atol=1e-9)


@pytest.mark.parametrize("batch_size", [7, 23])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_recorded_verdicts_are_the_same(
    norm: Any, batch_size: int, recorder: type[EmulatedRecorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = images_helper.small_network("mlp", torch.float64).eval()
    images, labels = images_helper.labelled_images(model, dtype=torch.float64)
    settings = PgdSettings(epsilon=0.03 if norm == "linf" else 0.2, norm=norm, steps=21)
    found = robust_verdicts(model, images, labels, settings, 0, batch_size)
    assert recorder.records >= 1
    monkeypatch.setattr(finite, "EVERY_ON_CPU", 1)
    expected = robust_verdicts(model, images, labels, settings, 0, batch_size)
    assert 0 < int(expected.robust.sum()) < int(expected.clean.sum())
    assert found.robust.equal(expected.robust)
    torch.testing.assert_close(found.adversarial, expected.adversarial, rtol=0, atol=1e-9)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_recorded_trainings_side_by_side_are_the_same(
    dropout: float, recorder: type[EmulatedRecorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [
        stacks.members("mlp", dropout)[1]._replace(learning_rate=rate) for rate in (0.01, 0.03)
    ]
    images, labels = stacks.pool()
    network = stacks.network("mlp", dropout=dropout)
    found = train_stack(network, images, labels, members, 0)
    assert recorder.records >= 1
    monkeypatch.setattr(recording, "recorder_of", lambda device: None)
    for one, other in zip(found, train_stack(network, images, labels, members, 0), strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-12)
        for key, value in other.state.items():
            torch.testing.assert_close(one.state[key], value, rtol=0, atol=1e-12)
