"""Every attack as on a GPU: batches follow its memory, which may run out, and no step waits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advlearn import attacks
from advlearn.attacks import topk
from advlearn.attacks.cw import CarliniWagner
from advlearn.attacks.deepfool import DeepFool
from advlearn.attacks.fab import ShortestFab
from advlearn.attacks.robustness import robust_verdicts
from advlearn.attacks.sanity import sanity_checks
from advlearn.settings.attack import (
    ApgdSettings,
    EvaluationSettings,
    FabSettings,
    FgsmSettings,
    PgdSettings,
    SquareSettings,
)
from advlearn.settings.topk import METHODS, Method, authors, sound
from advlearn.support import finite
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.errors import UserError
from advlearn.support.finite import deferred
from tests.helpers import scenes
from tests.helpers.device import MadeUpMemory, Narrow, Waits
from tests.helpers.images import labelled_images, small_network
from tests.helpers.interrupted import killed_after_each_save

Found = list[Tensor]
Run = Callable[[nn.Module, Tensor, Tensor], Found]

PGD = PgdSettings(epsilon=0.05, steps=4, restarts=2)
APGD = ApgdSettings(epsilon=0.02, steps=6, restarts=2)
FAB = FabSettings(epsilon=0.02, steps=4, restarts=2, targets=2)
SQUARE = SquareSettings(epsilon=0.02, queries=11, restarts=2)


def verdicts(model: nn.Module, images: Tensor, labels: Tensor) -> Found:
    found = robust_verdicts(model, images, labels, PGD, 2)
    return [found.clean, found.robust, found.adversarial]


def min_effort(solver: CarliniWagner | DeepFool | ShortestFab) -> Run:
    def run(model: nn.Module, images: Tensor, labels: Tensor) -> Found:
        found = solver.solve(model, images, labels)
        return [found.reached, found.adversarial, found.distance]

    return run


RUNS: dict[str, Run] = {
    "fgsm": lambda m, x, y: [attacks.build(FgsmSettings(epsilon=0.05)).run(m, x, y, 1)],
    "pgd": lambda m, x, y: [attacks.build(PGD).run(m, x, y, 1)],
    "pgd l2": lambda m, x, y: [
        attacks.build(PgdSettings(epsilon=0.3, norm="l2", steps=3)).run(m, x, y, 1)
    ],
    "apgd": lambda m, x, y: [attacks.build(APGD).run(m, x, y, 1)],
    "apgd l2": lambda m, x, y: [
        attacks.build(ApgdSettings(epsilon=0.1, norm="l2", steps=7)).run(m, x, y, 1)
    ],
    "fab": lambda m, x, y: [attacks.build(FAB).run(m, x, y, 1)],
    "fab l2": lambda m, x, y: [
        attacks.build(FabSettings(epsilon=0.1, norm="l2", steps=3)).run(m, x, y, 1)
    ],
    "fab shortest": min_effort(ShortestFab(steps=3)),
    "square": lambda m, x, y: [attacks.build(SQUARE).run(m, x, y, 1)],
    "square l2": lambda m, x, y: [
        attacks.build(SquareSettings(epsilon=0.1, norm="l2", queries=9)).run(m, x, y, 1)
    ],
    "verdicts": verdicts,
    "cw": min_effort(CarliniWagner(steps=8, searches=2, initial_const=1.0)),
    "deepfool": min_effort(DeepFool(steps=5)),
    "sanity": lambda m, x, y: [
        torch.tensor([check.value for check in sanity_checks(m, x, y, PGD, 0)])
    ],
}


def multilabel(method: Method) -> Run:
    def run(model: nn.Module, images: Tensor, labels: Tensor) -> Found:
        settings = authors(method, learning_rate=0.02, iterations=12)
        logits = topk.clean_logits(model, images, settings)
        perturbed = torch.full_like(images, torch.nan, device="cpu")

        def sink(positions: list[int], adversarial: Tensor) -> None:
            assert bool(perturbed[positions].isnan().all()), "an image was handed on twice"
            perturbed[positions] = adversarial.cpu()

        found = topk.run(model, images, scenes.targets_of(logits), settings, sink=sink)
        return [logits, found.success, found.iterations, found.l2, found.linf, perturbed]

    return run


# What makes its steps without looking; the comparator `projected` sorts images by its radii.
QUEUES = ["pgd", "pgd l2", "apgd", "apgd l2", "fab", "fab l2", "square", "square l2", "verdicts"]
QUEUES += [f"topk {method}" for method in METHODS if method != "projected"]
CASES: dict[str, Run] = RUNS | {f"topk {method}": multilabel(method) for method in METHODS}


def given(case: str) -> tuple[nn.Module, Tensor, Tensor]:
    if case.startswith("topk"):
        return scenes.small_network(torch.float64), scenes.scenes(20, torch.float64), torch.empty(0)
    # In float32 the rounding of another batch may turn the sign of a slope that is nearly zero.
    model = small_network("conv", torch.float64).eval()
    return model, *labelled_images(model, dtype=torch.float64)


def compare(found: Found, expected: Found) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, 3, 11])
@pytest.mark.parametrize("case", CASES)
def test_a_device_whose_memory_runs_out_changes_no_answer(
    case: str, most: int, capsys: pytest.CaptureFixture[str]
) -> None:
    model, images, labels = given(case)
    expected = CASES[case](model, images, labels)
    narrow = Narrow(model, most)
    compare(CASES[case](narrow, images, labels), expected)
    assert max(narrow.sizes) <= most
    assert "memory is full" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("case", ["verdicts", "topk tkmia", "topk kfool"])
def test_memory_that_fills_up_later_takes_nothing_back(
    case: str, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, images, labels = given(case)
    expected = CASES[case](model, images, labels)
    monkeypatch.setattr(finite, "EVERY_ON_CPU", every)
    for after in (6, 9, 12):
        narrow = Narrow(model, 2, after)
        compare(CASES[case](narrow, images, labels), expected)
        assert max(narrow.sizes[:after]) > 2
        assert max(narrow.sizes[after:], default=0) <= 2


@pytest.mark.parametrize("case", CASES)
def test_a_device_without_room_for_one_image_is_an_error(case: str) -> None:
    model, images, labels = given(case)
    with pytest.raises(UserError, match="single image"):
        CASES[case](Narrow(model, 0), images, labels)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_batches_follow_the_device(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, images, labels = given(case)
    expected = CASES[case](model, images, labels)
    narrow = Narrow(model, 10**6)
    # Room for six images, which is four; what is kept beside the pass counts, too.
    each = 10**6 + 48 * images[0].numel() * images.element_size()
    memory = MadeUpMemory(int(6.5 * each / 0.7), 10**6)
    memory.attach(narrow, monkeypatch)
    narrow.sizes.clear()
    compare(CASES[case](narrow, images, labels), expected)
    assert memory.measured
    passes = [size for size in narrow.sizes if size != memory.measured[0]]
    assert narrow.sizes.count(4) >= 2 + memory.measured.count(4)
    assert max(passes) <= 7  # last iterates are judged together


@pytest.mark.slow
@pytest.mark.parametrize("every", [2, 4, 7])
@pytest.mark.parametrize("case", CASES)
def test_looking_every_few_steps_changes_no_answer(
    case: str, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, images, labels = given(case)
    expected = CASES[case](model, images, labels)
    monkeypatch.setattr(finite, "EVERY_ON_CPU", every)
    compare(CASES[case](model, images, labels), expected)
    # Queues, and images at different steps.
    compare(CASES[case](Narrow(model, 3), images, labels), expected)


@pytest.mark.slow
@pytest.mark.parametrize("case", QUEUES)
def test_no_step_waits_for_the_device(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, images, labels = given(case)
    monkeypatch.setattr(finite, "EVERY_ON_CPU", 4)
    with Waits(monkeypatch) as waits:
        CASES[case](model, images, labels)
    assert waits.between == {}
    assert waits.operations > 50


@pytest.mark.slow
def test_waiting_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.rand(4)
    with Waits(monkeypatch) as waits, deferred():
        bool(values.sum() > 0), float(values[0]), values[values > 0.5], (values > 0).nonzero()
        values[values > 2] = 0
        values.tolist(), values.cpu()
    assert sum(waits.between.values()) >= 7


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("case", CASES)
def test_nothing_is_read_that_was_not_written(
    case: str, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, images, labels = given(case)
    expected = CASES[case](model, images, labels)
    monkeypatch.setattr(finite, "EVERY_ON_CPU", every)
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    torch.set_deterministic_debug_mode("error")
    assert bool(torch.empty(1).isnan())
    compare(CASES[case](model, images, labels), expected)


@pytest.mark.parametrize("success", ["removed", "strict"])
@pytest.mark.parametrize("preset", [authors, sound])
@pytest.mark.slow
def test_every_kind_of_success_every_few_steps(
    preset: Any, success: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = preset("tkmia", learning_rate=0.02, iterations=22, success=success)
    model, images, _ = given("topk tkmia")
    targets = scenes.targets_of(topk.clean_logits(model, images, settings))
    expected = topk.run(model, images, targets, settings, 5)
    monkeypatch.setattr(finite, "EVERY_ON_CPU", 4)
    found = topk.run(model, images, targets, settings, 5)
    assert found.success.equal(expected.success)
    assert found.iterations.equal(expected.iterations)
    torch.testing.assert_close(found.l2, expected.l2, rtol=0, atol=1e-9)
    torch.testing.assert_close(found.clean_logits, expected.clean_logits)


@pytest.mark.parametrize("settings", [PGD, APGD, SQUARE], ids=lambda settings: settings.name)
def test_a_killed_attack_resumes_with_batches_of_another_size(
    settings: EvaluationSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, images, labels = given("pgd")
    solver = attacks.build(settings)
    expected = solver.run(model, images, labels, 1)
    sizes = iter([2, 7, 3, 5, 1, 4] * 20)
    found: list[Tensor] = []

    def job() -> None:
        object.__setattr__(solver, "batch_size", next(sizes))
        checkpoint = Checkpoint(
            tmp_path / "images", "advlearn.studies.selective.stages.craft", (), ()
        )
        found.append(solver.run(model, images, labels, 1, checkpoint))
        checkpoint.finish()

    assert killed_after_each_save(job, monkeypatch, 1) >= 3
    torch.testing.assert_close(found[-1], expected, rtol=0, atol=1e-12)
