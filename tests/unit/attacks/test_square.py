from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from advlearn import attacks, budgets
from advlearn.attacks.robustness import robust_verdicts
from advlearn.attacks.square import Square, _peaks
from advlearn.deviations import negative_margin
from advlearn.settings.attack import Norm, SquareSettings
from advlearn.support.errors import UserError

Batch = tuple[Tensor, Tensor]


def square(**settings: object) -> Square:
    solver = attacks.build(SquareSettings.model_validate(settings))
    assert isinstance(solver, Square)
    return solver


def test_windows_shrink_as_in_the_paper() -> None:
    solver, shape = square(queries=10_000), torch.Size((1, 3, 32, 32))
    shares = {1: 0.8, 11: 0.8, 12: 0.4, 51: 0.4, 52: 0.2, 202: 0.1, 502: 0.05, 1002: 0.025}
    shares |= {2002: 0.0125, 4002: 0.00625, 6002: 0.003125, 8002: 0.0015625, 10_000: 0.0015625}
    for number, share in shares.items():
        assert solver.window(number, shape) == max(round(math.sqrt(share * 1024)), 1), number
    # With fewer queries the schedule is as much shorter.
    assert square(queries=1000).window(201, shape) == solver.window(2001, shape)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (4, 4), (28, 28), (8, 31)])
def test_windows_fit_into_images_of_any_size(norm: Norm, size: tuple[int, int]) -> None:
    solver = square(norm=norm, epsilon=0.5, queries=60)
    images = torch.rand((3, 2, *size))
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(2 * math.prod(size), 4))
    labels = network(images).argmax(1)
    for number in range(1, 61):
        side = solver.window(number, images.shape)
        assert 1 <= side <= min(size)
        assert norm == "linf" or side % 2 == 1
    solver.budget.check(images, solver.run(network, images, labels, 0))


def test_the_first_points_are_stripes_and_tiles() -> None:
    images = torch.full((4, 2, 28, 28), 0.5)
    stripes = square(epsilon=0.2).starts(images, 0, 0) - images
    torch.testing.assert_close(stripes.abs(), torch.full_like(images, 0.2))
    assert torch.equal(stripes, stripes[:, :, :1].expand_as(stripes))
    assert not torch.equal(stripes[0], stripes[1])
    tiles = square(epsilon=0.2, norm="l2").starts(images, 0, 0) - images
    torch.testing.assert_close(tiles.flatten(1).norm(dim=1), torch.full((4,), 0.2))
    # 5 x 5 tiles of 5 x 5 pixels in the middle, all of one length.
    assert not bool(tiles[:, :, [0, 26, 27]].any())
    blocks = tiles[:, :, 1:26, 1:26].reshape(4, 2, 5, 5, 5, 5).square().sum((3, 5))
    torch.testing.assert_close(blocks, torch.full_like(blocks, 0.04 / 50))


def peaks_of_the_authors(side: int) -> Tensor:
    """As AutoAttack writes it, with loops."""

    def one(height: int, width: int) -> Tensor:
        delta = torch.zeros(height, width)
        middle = [height // 2, width // 2]
        for counter in range(max(height // 2 + 1, width // 2 + 1)):
            top, left = middle[0] - counter, middle[1] - counter
            rows = slice(max(top, 0), min(top + 2 * counter + 1, height))
            columns = slice(max(left, 0), min(left + 2 * counter + 1, width))
            delta[rows, columns] += 1 / (counter + 1) ** 2
        return delta / delta.square().sum().sqrt()

    delta = torch.zeros(side, side)
    delta[: side // 2], delta[side // 2 :] = one(side // 2, side), -one(side - side // 2, side)
    return delta / delta.square().sum().sqrt()


@pytest.mark.parametrize("side", [1, 2, 3, 5, 9, 25])
def test_peaks_are_those_of_the_authors(side: int) -> None:
    torch.testing.assert_close(_peaks(side, torch.float32), peaks_of_the_authors(side))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_never_worse_than_the_start_inside_and_counted(
    conv: nn.Module, batch: Batch, norm: Norm
) -> None:
    images, labels = batch
    epsilon = {"linf": 0.02, "l2": 0.1}[norm]
    solver = square(epsilon=epsilon, norm=norm, queries=50)
    clean = conv(images).argmax(1) == labels
    start = solver.starts(images, 1, 0)
    found = solver.run(conv, images, labels, 1)
    solver.budget.check(images, found)
    assert torch.equal(found[~clean], images[~clean])
    before, after = (negative_margin(conv(x), labels).detach()[clean] for x in (start, found))
    assert bool((after >= before).all())
    assert bool((after > before).any())
    settings = SquareSettings(epsilon=epsilon, norm=norm, queries=50)
    verdicts = robust_verdicts(conv, images, labels, settings, 1, batch_size=5)
    robust = int(verdicts.robust.sum())
    assert verdicts.gradients == 0
    assert 51 * robust + (int(clean.sum()) - robust) <= verdicts.queries <= 51 * int(clean.sum())
    assert torch.equal(conv(verdicts.adversarial).argmax(1) == labels, verdicts.robust)


def test_a_query_changes_one_window(conv: nn.Module, batch: Batch) -> None:
    seen: list[Tensor] = []
    images, labels = batch
    hook = conv.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    # Nothing of so small a radius fools the network; the first passes look at the clean images.
    clean = negative_margin(conv(images), labels) < -0.02
    seen.clear()
    solver = square(epsilon=1e-4, queries=40)
    solver.run(conv, images[clean], labels[clean], 0)
    hook.remove()
    start, *queries = seen[2:]
    best, number = start, 0
    reached = negative_margin(conv(start), labels[clean]).detach()
    for number, points in enumerate(queries, 1):
        side = solver.window(number, images.shape)
        for changed in (points != best).any(1):
            rows, columns = changed.any(1).nonzero(), changed.any(0).nonzero()
            if len(rows):
                assert int(rows.max() - rows.min()) < side
                assert int(columns.max() - columns.min()) < side
        now = negative_margin(conv(points), labels[clean]).detach()
        better = now > reached
        best = torch.where(better[:, None, None, None], points, best)
        reached = torch.where(better, now, reached)
    assert number == 40


def test_a_query_of_the_l2_ball_moves_mass_from_one_window_into_another() -> None:
    clean = torch.full((3, 2, 20, 20), 0.5, dtype=torch.float64)
    solver = square(epsilon=0.3, norm="l2", queries=100)
    best = solver.starts(clean, 0, 0)
    signs = torch.tensor([1.0, -1.0], dtype=torch.float64).reshape(2, 1, 1)
    # Apart, one upon the other, and overlapping.
    for first, second in (((0.1, 0.2), (0.9, 0.8)), ((0.4, 0.4), (0.4, 0.4)), ((0, 0), (0.1, 0))):
        number = 30
        side = solver.window(number, clean.shape)
        after = solver._moved_mass(clean, best, number, [*first, *second, 0.7], signs) - clean
        before = best - clean
        into, out = torch.zeros((2, 20, 20), dtype=torch.bool)
        for mask, (row, column) in ((into, first), (out, second)):
            top, left = (int(at * (21 - side)) for at in (row, column))
            mask[top : top + side, left : left + side] = True
        # No box is in the way: the length stays, and so does what lies in neither window.
        torch.testing.assert_close(
            solver.budget.distance(clean, clean + after), clean.new_full((3,), 0.3)
        )
        rest = ~(into | out)
        torch.testing.assert_close(after[:, :, rest], before[:, :, rest])
        assert not bool(after[:, :, out & ~into].any())
        torch.testing.assert_close(
            after[:, :, into].square().sum(2), before[:, :, into | out].square().sum(2)
        )
        # What was there and the peaks of the query's signs have equal parts in the window.
        old = before[:, :, into].reshape(3, 2, side, side)
        new = old / old.square().sum((2, 3), keepdim=True).sqrt() + signs * _peaks(side, old.dtype)
        found = after[:, :, into].reshape(new.shape)
        scale = (found * new).sum((2, 3), keepdim=True) / new.square().sum((2, 3), keepdim=True)
        torch.testing.assert_close(found, scale * new)
        assert bool((scale > 0).all())


def test_images_without_rows_and_columns_are_refused() -> None:
    network = nn.Linear(6, 3)
    images = torch.rand((4, 6))
    with pytest.raises(UserError, match="windows of images"):
        square(epsilon=0.1).run(network, images, network(images).argmax(1), 0)


def test_a_window_may_be_the_last_of_its_row() -> None:
    # One pixel decides, the last one: the search with windows of one pixel must reach it.
    class Corner(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            corner = x[:, 0, -1, -1]
            return torch.stack([corner - 0.55, 0.55 - corner], 1)

    images = torch.full((1, 1, 6, 6), 0.5)
    solver = Square(budgets.build("linf", 0.1), queries=400, share=1 / 36)
    for seed in range(4):
        found = solver.run(Corner(), images, torch.tensor([1]), seed)
        assert float(found[0, 0, -1, -1]) == pytest.approx(0.6)
