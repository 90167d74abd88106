"""How many images go through a network at once, on made-up devices."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from advlearn.learners.batches import (
    CEILING,
    SAMPLE,
    forward,
    halving,
    images_at_once,
    in_batches,
    memory_of,
)
from advlearn.support import gpu
from advlearn.support.errors import UserError
from tests.helpers.device import MadeUpMemory, Narrow

IMAGES = torch.rand(40, 1, 4, 4)


def network() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).eval()


def size(memory: MadeUpMemory, monkeypatch: pytest.MonkeyPatch, gradient: bool = True) -> int:
    model = network()
    memory.attach(model, monkeypatch)
    return images_at_once(model, IMAGES, on_cpu=100, gradient=gradient)


def test_a_cpu_keeps_the_number_it_is_given_and_makes_no_pass() -> None:
    model = Narrow(network(), most=0)
    assert images_at_once(model, IMAGES, on_cpu=100, gradient=True) == 100
    assert memory_of(torch.device("cpu")) is None


@pytest.mark.parametrize("gradient", [False, True])
def test_the_free_memory_is_shared_out(monkeypatch: pytest.MonkeyPatch, gradient: bool) -> None:
    one = size(MadeUpMemory(10**8, 10**5), monkeypatch, gradient)
    assert 500 < one < 1000
    assert one * 10**5 < 10**8
    double = size(MadeUpMemory(2 * 10**8, 10**5), monkeypatch, gradient)
    assert double == 2 * one
    assert size(MadeUpMemory(10**8, 4 * 10**5), monkeypatch, gradient) == one // 4


def test_a_little_memory_in_use_changes_no_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {size(MadeUpMemory(10**8 - used, 10**5), monkeypatch) for used in (0, 10**6, 10**7)}
    assert sizes == {512}


@pytest.mark.parametrize(("free", "each", "expected"), [(10**14, 1, CEILING), (10, 10**6, 1)])
def test_floor_and_ceiling(
    monkeypatch: pytest.MonkeyPatch, free: int, each: int, expected: int
) -> None:
    assert size(MadeUpMemory(free, each), monkeypatch) == expected


def test_the_need_is_read_on_a_few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = MadeUpMemory(10**8, 10**5)
    model = network()
    memory.attach(model, monkeypatch)
    for _ in range(3):
        images_at_once(model, IMAGES, on_cpu=100, gradient=True)
    assert memory.measured == [SAMPLE]
    images_at_once(model, IMAGES, on_cpu=100, gradient=False)
    assert memory.measured == [SAMPLE, SAMPLE]


def test_jobs_that_share_a_device_do_not_fill_it(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = size(MadeUpMemory(10**8, 10**5), monkeypatch)
    monkeypatch.setenv(gpu.VARIABLE, str(gpu.WHOLE // 8))
    shared = size(MadeUpMemory(10**8, 10**5), monkeypatch)
    assert shared == alone // 8
    # Eight of them leave room, whoever began first: all have the same batches.
    taken = [int(0.7 * 10**8 / 8) * jobs for jobs in range(8)]
    sizes = {size(MadeUpMemory(10**8 - n, 10**5, 0, n), monkeypatch) for n in taken}
    assert sizes == {shared}
    # What the job itself holds is part of its share.
    assert size(MadeUpMemory(9 * 10**7, 10**5, 10**7), monkeypatch) < shared


def test_a_device_that_others_have_filled_bounds_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(gpu.VARIABLE, str(gpu.WHOLE // 2))
    assert size(MadeUpMemory(10**6, 10**5, 0, 99 * 10**6), monkeypatch) == 4
    assert size(MadeUpMemory(10**6, 10**5, 99 * 10**6, 0), monkeypatch) == 1


def test_what_is_asked_for_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = MadeUpMemory(10**8, 10**5)
    model = network()
    memory.attach(model, monkeypatch)
    assert images_at_once(model, IMAGES, on_cpu=100, gradient=True, asked=7) == 7
    assert images_at_once(model, IMAGES[:0], on_cpu=100, gradient=True) == 100
    assert memory.measured == []


@pytest.mark.parametrize("asked", [0, -3])
def test_a_batch_without_images_is_refused(asked: int) -> None:
    with pytest.raises(UserError, match="at least one image"):
        images_at_once(network(), IMAGES, on_cpu=100, gradient=True, asked=asked)


def test_a_network_that_measuring_cannot_understand_is_left_to_its_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Cut(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.detach().flatten(1)

    monkeypatch.setattr(
        "advlearn.learners.batches.memory_of", lambda device: MadeUpMemory(10**8, 10**5)
    )
    assert images_at_once(Cut(), IMAGES, on_cpu=100, gradient=True) >= 1


def test_a_pass_that_is_too_large_for_measuring_is_made_smaller(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    memory = MadeUpMemory(10**8, 10**5)
    model = Narrow(network(), most=5)
    memory.attach(model, monkeypatch)
    assert images_at_once(model, IMAGES, on_cpu=100, gradient=True) > 5
    assert memory.measured == [4]
    model = Narrow(network(), most=0)
    with pytest.raises(UserError, match="single image"):
        images_at_once(model, IMAGES, on_cpu=100, gradient=True)
    assert "batches of 4" in capsys.readouterr().err


@given(st.integers(0, 60), st.integers(1, 70), st.integers(1, 70), st.integers(0, 60))
def test_every_image_once_whatever_fits(n: int, size: int, most: int, first: int) -> None:
    seen: list[int] = []

    def work(part: slice) -> None:
        if part.stop - part.start > most:
            raise torch.OutOfMemoryError("full")
        seen.extend(range(part.start, part.stop))

    in_batches(n, size, work, first)
    assert seen == list(range(first, n))


def test_one_line_says_that_the_memory_is_full(capsys: pytest.CaptureFixture[str]) -> None:
    model = Narrow(network(), most=10)
    assert halving(40, lambda size: (model(IMAGES[:size]), size)[1]) == 10
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "the device's memory is full: on with batches of 20",
        "the device's memory is full: on with batches of 10",
    ]


def test_a_single_image_that_does_not_fit_is_an_error() -> None:
    model = Narrow(network(), most=0)
    with pytest.raises(UserError, match="single image") as caught:
        halving(4, lambda size: model(IMAGES[:size]))
    assert caught.value.where == "1 images"


def test_forward_passes_begin_again_in_halves() -> None:
    model = Narrow(network(), most=12)

    def whole(size: int) -> torch.Tensor:
        return torch.cat([model(part) for part in IMAGES.split(size)])

    assert torch.allclose(forward(model, IMAGES, whole), model.network(IMAGES))
    assert max(model.sizes) == 10
