"""The same answers on a GPU as on a CPU, at any batch size, recorded or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advlearn.attacks import topk
from advlearn.attacks.acceleration import accelerated
from advlearn.attacks.robustness import robust_verdicts
from advlearn.attacks.stacked_strong import stacked_robust
from advlearn.learners import recording
from advlearn.learners.recording import CudaRecorder, RepeatedStep
from advlearn.settings.attack import PgdSettings
from advlearn.settings.topk import METHODS, authors, sound
from advlearn.training.fit import make_optimiser
from advlearn.training.stack import pays, train_stack
from tests.helpers import scenes
from tests.helpers.images import labelled_images, small_network
from tests.unit.attacks import test_stacked_strong as strong
from tests.unit.attacks.test_batches import CASES, compare, given
from tests.unit.training import test_stack as stacks
from tests.unit.training import test_stack_online as online

pytestmark = pytest.mark.gpu


def moved(values: list[Tensor]) -> list[Tensor]:
    return [value.cpu() for value in values]


@pytest.mark.parametrize("case", CASES)
def test_every_attack_finds_the_same_as_on_a_cpu(case: str, cuda: torch.device) -> None:
    model, images, labels = given(case)
    expected = CASES[case](model, images, labels)
    found = CASES[case](model.to(cuda), images.to(cuda), labels.to(cuda))
    compare(moved(found), expected)


@pytest.mark.parametrize("success", ["removed", "strict"])
@pytest.mark.parametrize("preset", [authors, sound])
@pytest.mark.parametrize("method", METHODS)
def test_top_k_attacks_of_every_kind(
    method: Any, preset: Any, success: str, cuda: torch.device
) -> None:
    settings = preset(method, learning_rate=0.02, iterations=30, success=success)
    model, images, _ = given("topk tkmia")
    targets = scenes.targets_of(topk.clean_logits(model, images, settings))
    expected = topk.run(model, images, targets, settings)
    for size in (None, 7):
        found = topk.run(model.to(cuda), images, targets, settings, size)
        assert found.success.equal(expected.success)
        assert found.iterations.equal(expected.iterations)
        torch.testing.assert_close(found.l2, expected.l2, rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_rough_gradients_lead_to_the_same_verdicts(method: Any, cuda: torch.device) -> None:
    model, images, _ = given("topk tkmia")
    found = {}
    for gradients in ("float32", "tf32"):
        settings = sound(method, learning_rate=0.02, iterations=30, gradients=gradients)
        targets = scenes.targets_of(topk.clean_logits(model.cpu(), images, settings))
        found[gradients] = topk.run(model.to(cuda), images, targets, settings)
    exact, rough = found["float32"], found["tf32"]
    assert not torch.backends.cudnn.allow_tf32
    assert rough.success.equal(exact.success)
    ratio = (rough.l2 / exact.l2)[exact.success]
    assert bool(((ratio - 1).abs() < 0.02).all())


def test_results_in_float32_do_not_depend_on_the_batch(cuda: torch.device) -> None:
    model = small_network("mlp").eval().to(cuda)
    images, labels = (part.to(cuda) for part in labelled_images(model.cpu(), 500))
    model.to(cuda)
    settings = PgdSettings(epsilon=0.05, steps=10)
    expected = robust_verdicts(model, images, labels, settings, 0)
    for size in (1, 64, 499):
        found = robust_verdicts(model, images, labels, settings, 0, size)
        assert found.robust.equal(expected.robust)
    attack = sound("tkmia", learning_rate=0.02, iterations=30)
    scene_model, scene_images = scenes.small_network().to(cuda), scenes.scenes()
    targets = scenes.targets_of(topk.clean_logits(scene_model, scene_images, attack))
    one = topk.run(scene_model, scene_images, targets, attack)
    other = topk.run(scene_model, scene_images, targets, attack, 8)
    assert one.success.equal(other.success)
    torch.testing.assert_close(one.l2, other.l2, rtol=0, atol=1e-5)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []

    class Counted(CudaRecorder):
        def record(self, step: Callable[[], None]) -> Any:
            calls.append("begun")
            graph = super().record(step)
            calls.append("recorded")
            return graph

    monkeypatch.setattr(recording, "recorder_of", Counted)
    return calls


@pytest.mark.parametrize("success", ["removed", "strict"])
@pytest.mark.parametrize("method", [each for each in METHODS if "kfool" not in each])
def test_steps_are_recorded(
    method: Any, success: str, cuda: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(monkeypatch)
    settings = sound(method, learning_rate=0.02, iterations=30, success=success)
    model, images, _ = given("topk tkmia")
    targets = scenes.targets_of(topk.clean_logits(model, images, settings))
    topk.run(model.to(cuda), images, targets, settings)
    assert calls.count("recorded") == calls.count("begun") >= 1


def test_a_step_that_reads_a_number_goes_on_unrecorded(cuda: torch.device) -> None:
    total = torch.zeros((), device=cuda)

    def step() -> None:
        total.add_(float(total) + 1)

    repeated = RepeatedStep(step, cuda, nn.Linear(1, 1))
    for _ in range(6):
        repeated()
    assert int(total) == 2**6 - 1
    # The device still works, and can still record.
    again = torch.zeros((), device=cuda)
    other = RepeatedStep(lambda: again.add_(1), cuda, nn.Linear(1, 1))  # type: ignore[arg-type]
    for _ in range(6):
        other()
    assert int(again) == 6


def test_memory_that_runs_out_is_no_end(
    cuda: torch.device, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 512, 3, padding=1), nn.ReLU(), nn.Conv2d(512, 8, 3),
                          nn.Flatten(), nn.LazyLinear(3))  # fmt: skip
    model.eval()(torch.rand(1, 1, 64, 64))
    images = torch.rand(256, 1, 64, 64)
    labels = model(images[:8]).argmax(1).repeat(32)
    model.to(cuda)
    settings = PgdSettings(epsilon=0.05, steps=3)
    images, labels = images.to(cuda), labels.to(cuda)
    total = torch.cuda.get_device_properties(cuda).total_memory
    torch.cuda.empty_cache()
    allowed = torch.cuda.memory_reserved(cuda) + 2e9
    torch.cuda.set_per_process_memory_fraction(allowed / total)
    found = robust_verdicts(model, images, labels, settings, 0, batch_size=256)
    assert "memory is full" in capsys.readouterr().err
    assert found.robust.shape == (256,)


@pytest.mark.parametrize("optimisers", [("adam",) * 3, ("sgd", "adam", "sgd")])
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_networks_side_by_side_are_those_one_after_the_other(
    name: Any, optimisers: Any, cuda: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(monkeypatch)
    images, labels = stacks.pool()
    members = stacks.members(name, optimisers=optimisers)
    found = train_stack(stacks.network(name), images.to(cuda), labels.to(cuda), members, 0)
    for member, trained in zip(members, found, strict=True):
        expected, loss = stacks.alone(name, member)
        assert abs(trained.loss - loss) < 1e-9
        for key, value in expected.items():
            torch.testing.assert_close(trained.state[key].cpu(), value, rtol=0, atol=1e-9)
    assert calls.count("recorded") == calls.count("begun") >= 1


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_the_networks_of_study_1_are_stacked(name: Any, dropout: float, cuda: torch.device) -> None:
    network = stacks.network(name, dropout=dropout).float().to(cuda)
    assert pays(cuda, network, stacks.pool()[0][:2].float())


@pytest.mark.parametrize("settings", strong.CASES, ids=strong.NAMES)
def test_strong_attacks_side_by_side(settings: Any, cuda: torch.device) -> None:
    networks, (images, labels) = strong.trained(), strong.data()
    given = (images.to(cuda), labels.to(cuda), settings, strong.SEED)
    stack = strong.stack_of(networks).to(cuda)
    found = stacked_robust(stack, *given, strong.clean_of(networks).to(cuda))
    for network, own in zip(networks, found, strict=True):
        alone = robust_verdicts(network, images, labels, settings, strong.SEED)
        assert torch.equal(own.cpu(), alone.robust)


@pytest.mark.parametrize("name", online.ATTACKS)
def test_online_crafting_side_by_side(name: str, cuda: torch.device) -> None:
    cases = list(zip(range(3), online.ATTACKS[name], online.WAYS, strict=True))
    members = [online.member(*case, online.network(case[0])) for case in cases]
    expected = train_stack(online.network(0), *online.data(), members, 0)
    images, labels = online.data()
    found = train_stack(online.network(0), images.to(cuda), labels.to(cuda), members, 0)
    for one, other in zip(found, expected, strict=True):
        for key, value in other.state.items():
            torch.testing.assert_close(one.state[key].cpu(), value, rtol=0, atol=1e-9)


def test_an_equivalent_network_is_found_once_for_each_state(cuda: torch.device) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Flatten(),
                          nn.Linear(16 * 64, 3)).eval().to(cuda)  # fmt: skip
    images = torch.rand(16, 1, 8, 8, device=cuda)
    found = accelerated(model, images)
    assert found is not model
    assert accelerated(model, images) is found
    model.load_state_dict({key: -value for key, value in model.state_dict().items()})
    other = accelerated(model, images)
    assert other is not found
    torch.testing.assert_close(other(images), model(images), rtol=1e-4, atol=1e-5)
    del model[1]
    torch.testing.assert_close(accelerated(model, images)(images), model(images))


def test_the_optimiser_of_one_network_is_that_of_a_cpu(cuda: torch.device) -> None:
    torch.manual_seed(0)
    networks = [small_network("mlp"), small_network("mlp").to(cuda)]
    images, labels = labelled_images(networks[0], 64)
    for model in networks:
        place = next(model.parameters()).device
        optimiser = make_optimiser(model.eval(), "adam", 1e-3)
        nn.functional.cross_entropy(model(images.to(place)), labels.to(place)).backward()
        optimiser.step()
    for one, other in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        torch.testing.assert_close(one, other.cpu(), rtol=0, atol=1e-5)
