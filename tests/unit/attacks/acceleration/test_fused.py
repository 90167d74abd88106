"""The kernels beside PyTorch in float64; whole numbers make every sum exact."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from advlearn.attacks.acceleration.fused import (
    FusedConv2d,
    Geometry,
    convolved,
    pulled_back,
    suits,
)

pytestmark = pytest.mark.gpu

# Channels before and after, height, width, kernel, stride, padding, ReLU, pooling, images.
SHAPES = [
    (1, 4, 28, 28, 3, 2, 1, True, False, 7),
    (1, 8, 28, 28, 3, 1, 1, True, True, 7),
    # Several groups of channels.
    (12, 20, 6, 5, 3, 2, 1, True, False, 2),
    (12, 12, 7, 6, 3, 1, 1, True, True, 2),
    (3, 4, 33, 32, 5, 4, 2, True, False, 1),
    (3, 4, 5, 5, 5, 1, 2, False, False, 7),
    (3, 4, 11, 9, 3, 2, 0, True, True, 2),
    (4, 4, 7, 5, 1, 2, 0, False, False, 7),
    (2, 4, 5, 6, 2, 3, 1, True, False, 2),
    (1, 4, 5, 5, 2, 1, 3, True, False, 1),
    # The widths of the networks of the studies.
    (16, 32, 14, 13, 3, 2, 1, True, False, 3),
    (16, 16, 9, 7, 3, 1, 1, True, True, 2),
    (32, 16, 7, 6, 5, 2, 2, False, False, 2),
]


def convolution(
    geometry: tuple[int, ...], device: torch.device, *, whole: bool, bias: bool = True
) -> nn.Conv2d:
    before, after, _, _, kernel, stride, padding = geometry[:7]
    made = nn.Conv2d(before, after, kernel, stride, padding, bias=bias).requires_grad_(False)
    if whole:
        for parameter in made.parameters():
            parameter.copy_(torch.randint(-2, 3, parameter.shape))
    assert suits(made)
    return made.to(device)


def plainly(made: nn.Conv2d, images: Tensor, *, relu: bool, pool: bool) -> Tensor:
    """The same by PyTorch, in float64 on the CPU."""
    found: Tensor = copy.deepcopy(made).cpu().double()(images)
    found = found.relu() if relu else found
    return functional.max_pool2d(found, 2) if pool else found


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_the_numbers_are_those_of_pytorch(shape: tuple[int, ...], device: torch.device) -> None:
    torch.manual_seed(0)
    _, _, height, width, *_, n = shape
    relu, pool = bool(shape[7]), bool(shape[8])
    made = convolution(shape, device, whole=True, bias=n != 7)
    images = torch.randint(-2, 3, (n, shape[0], height, width)).float()
    # Equal maxima, and an image on which every unit is dead or at its kink.
    images[0] = 0
    point = images.to(device).requires_grad_(True)
    exact = images.double().requires_grad_(True)
    found = FusedConv2d(made, relu=relu, pool=pool)(point)
    expected = plainly(made, exact, relu=relu, pool=pool)
    assert torch.equal(found.detach().cpu().double(), expected.detach())
    if pool:
        assert expected.detach().eq(0).any()
    cotangent = torch.randint(-3, 4, expected.shape).double()
    (gradient,) = torch.autograd.grad(found, point, cotangent.float().to(device))
    (wanted,) = torch.autograd.grad(expected, exact, cotangent)
    assert torch.equal(gradient.cpu().double(), wanted)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [SHAPES[2], SHAPES[3]])
def test_rounding_is_that_of_float32(shape: tuple[int, ...], device: torch.device) -> None:
    torch.manual_seed(0)
    relu, pool = bool(shape[7]), bool(shape[8])
    made = convolution(shape, device, whole=False)
    images = torch.rand(2, shape[0], *shape[2:4])
    point = images.to(device).requires_grad_(True)
    exact = images.double().requires_grad_(True)
    found = FusedConv2d(made, relu=relu, pool=pool)(point)
    expected = plainly(made, exact, relu=relu, pool=pool)
    torch.testing.assert_close(found.cpu().double(), expected, rtol=1e-5, atol=1e-6)
    (gradient,) = torch.autograd.grad(found.square().sum(), point)
    (wanted,) = torch.autograd.grad(expected.square().sum(), exact)
    torch.testing.assert_close(gradient.cpu().double(), wanted, rtol=1e-5, atol=1e-5)


def test_a_thread_has_registers_for_its_sums() -> None:
    sizes = itertools.product(
        (1, 3, 4, 12, 64), (5, 14, 28, 64), (8, 64), range(1, 8), range(1, 5), (False, True)
    )
    fitting = 0
    for channels, side, after, kernel, stride, pool in sizes:
        geometry = Geometry(channels, side, side, after, kernel, stride, 1, relu=True, pool=pool)
        if not geometry.fits():
            continue
        fitting += 1
        group, places = geometry.forward_shape()
        assert after % group == 0
        patch = kernel + stride if pool else kernel
        assert 8 <= group * places * (4 if pool else 1) <= 64
        assert places * patch**2 <= 81
        group, tiles, tile = geometry.backward_shape()
        assert channels % group == 0
        assert tile % (2 * stride if pool else stride) == 0
        assert group * tiles * tile**2 <= 96
    assert fitting > 1000


SMALL = (1, 4, 6, 6, 3, 1, 1, True, True)


def small(device: torch.device) -> FusedConv2d:
    torch.manual_seed(0)
    return FusedConv2d(convolution(SMALL, device, whole=False), relu=True, pool=True)


def test_places_of_maxima(device: torch.device) -> None:
    made = convolution(SMALL, device, whole=True)
    with torch.no_grad():
        made.weight.fill_(0)
        made.weight[:, :, 1, 1] = 1
        made.bias.copy_(torch.tensor([0.0, 0.0, -3.0, -9.0]))  # type: ignore[union-attr]
    corners = list(itertools.product(range(3), repeat=4))[:81]
    images = (
        torch.tensor(corners).float().view(9, 9, 2, 2).permute(0, 2, 1, 3).reshape(1, 1, 18, 18)
    )
    geometry = Geometry(1, 18, 18, 4, 3, 1, 1, relu=True, pool=True)
    output, where = convolved(images.to(device), made.weight, made.bias, geometry)
    assert where is not None
    wanted = [one.index(max(one)) if max(one) > 0 else 4 for one in map(list, corners)]
    assert where[0, 0].flatten().tolist() == wanted
    assert where[0, 1].flatten().tolist() == wanted
    assert where[0, 2].unique().tolist() == [4]
    assert output[0, 2:].unique().tolist() == [0]


@pytest.mark.parametrize("n", [0, 1])
def test_few_images(n: int, device: torch.device) -> None:
    point = torch.rand(n, 1, 6, 6, device=device, requires_grad=True)
    found = small(device)(point)
    assert found.shape == (n, 4, 3, 3)
    (gradient,) = torch.autograd.grad(found.sum(), point)
    assert gradient.shape == point.shape


def test_memory_may_lie_otherwise(device: torch.device) -> None:
    fused = small(device)
    images = torch.rand(2, 6, 6, 1, device=device)
    apart = images.permute(0, 3, 1, 2).requires_grad_(True)
    alike = apart.detach().contiguous().requires_grad_(True)
    # The gradient of a sum is one number, expanded.
    results = [torch.autograd.grad(fused(one).sum(), one)[0] for one in (apart, alike)]
    assert torch.equal(*results)


def test_gradients_are_asked_for_again(device: torch.device) -> None:
    fused = small(device)
    point = torch.rand(2, 1, 6, 6, device=device, requires_grad=True)
    found = fused(point)
    first, second = (
        torch.autograd.grad(found[:, 0].sum(), point, retain_graph=True)[0] for _ in range(2)
    )
    assert torch.equal(first, second)
    (other,) = torch.autograd.grad(found[:, 1].sum(), point)
    assert not torch.equal(first, other)
    with torch.no_grad():
        assert torch.equal(fused(point), found)


def test_there_is_no_second_derivative(device: torch.device) -> None:
    point = torch.rand(1, 1, 6, 6, device=device, requires_grad=True)
    (gradient,) = torch.autograd.grad(small(device)(point).square().sum(), point, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_what_is_not_a_number_stays_one(device: torch.device) -> None:
    images = torch.rand(1, 1, 6, 6, device=device)
    images[0, 0, 2, 2] = torch.nan
    found = small(device)(images)
    # In the first window the last of four places, in others the first or all.
    assert found[0, :, :2, :2].isnan().all()
    assert found[0, :, 2].isfinite().all()
    assert found[0, :, :, 2].isfinite().all()


def test_other_types_and_shapes_are_left_to_pytorch(device: torch.device) -> None:
    fused = small(device)
    images = torch.rand(2, 1, 6, 6, device=device)
    exact = copy.deepcopy(fused).double()
    torch.testing.assert_close(exact(images.double()).float(), fused(images))
    torch.testing.assert_close(fused(images[0]), fused(images)[0])
    with pytest.raises(RuntimeError, match="channels"):
        fused(torch.rand(2, 3, 6, 6, device=device))


def test_offsets_beyond_32_bits(device: torch.device) -> None:
    if device.type == "cpu" or torch.cuda.mem_get_info(device)[0] < 45e9:
        pytest.skip("needs a GPU with 45 GB of free memory")
    n = 2**31 // 784 + 1000
    geometry = Geometry(1, 28, 28, 4, 7, 4, 0, relu=True, pool=False)
    weight, bias = torch.randn(4, 1, 7, 7, device=device), torch.zeros(4, device=device)
    images = torch.rand(n, 1, 28, 28, device=device)
    output, _ = convolved(images, weight, bias, geometry)
    last, _ = convolved(images[-3:], weight, bias, geometry)
    assert torch.equal(output[-3:], last)
    gradient = pulled_back(output, output, None, weight, geometry)
    assert torch.equal(gradient[-3:], pulled_back(last, last, None, weight, geometry))


def test_a_step_is_captured_as_a_graph(device: torch.device) -> None:
    if device.type == "cpu":
        pytest.skip("only a GPU has graphs of kernels")
    fused = small(device)
    point = torch.rand(3, 1, 6, 6, device=device, requires_grad=True)

    def gradient() -> Tensor:
        return torch.autograd.grad(fused(point).square().sum(), point)[0]

    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        gradient()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = gradient()
    with torch.no_grad():
        point.copy_(torch.rand_like(point))
    graph.replay()
    assert torch.equal(captured, gradient())
