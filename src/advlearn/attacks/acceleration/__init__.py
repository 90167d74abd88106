"""An equivalent network whose input gradient is cheaper to compute.

Attacks spend all their time in one forward and one backward pass a step. Exact rewritings, each of
which computes the same function (up to the order of sums): batch normalisation, a fixed scale and
shift in evaluation mode, goes into the weights of the convolution before it (``torch.fx``); what
else pays depends on the device (:mod:`~advlearn.attacks.acceleration.cpu`,
:mod:`~advlearn.attacks.acceleration.gpu`).

docs/performance.md has the measurements.
"""

from __future__ import annotations

import contextlib
import copy
import subprocess
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse
from torch.fx.proxy import TraceError

from advlearn.attacks.acceleration import cpu, gpu

_REWRITINGS = {"cpu": cpu.rewritten, "cuda": gpu.rewritten}
# What tracing a network raises that has no graph of its own.
_NO_GRAPH = (
    TraceError,
    RuntimeError,
    TypeError,
    AttributeError,
    ValueError,
    LookupError,
    NameError,
)
# What a rewritten network raises: such as a `view` that needs contiguous activations, or a kernel
# for which the machine has no compiler.
_UNFIT = (*_NO_GRAPH, ImportError, OSError, subprocess.SubprocessError)
_TOLERANCE = 1e-4
# On a GPU to find an equivalent takes as long as an attack on thousands of images.
_REMEMBERED: WeakKeyDictionary[nn.Module, tuple[object, nn.Module]] = WeakKeyDictionary()


def accelerated(model: nn.Module, sample: Tensor) -> nn.Module:
    """An equivalent of ``model`` for input gradients, or ``model`` itself.

    The equivalent is a copy and reads the parameters as they are now; it has no second derivative
    on a GPU. It is used only where its logits on ``sample`` agree with the model's, on a GPU also
    its gradients beside them; a network that cannot be copied, or that does not stand a rewriting,
    is used as it is.

    Args:
        model: network in evaluation mode.
        sample: a few images (n, c, h, w).
    """
    rewritten = _REWRITINGS.get(sample.device.type)
    if rewritten is None or sample.ndim != 4 or sample.dtype != torch.float32:
        return model
    on_cpu = sample.device.type == "cpu"
    try:
        if not on_cpu and (known := _remembered(model)) is not None:
            with _float32():
                if _same_logits(model, known, sample):
                    return known
        fast = rewritten(_folded(model))
        for parameter in fast.parameters():
            parameter.requires_grad_(False)
        if on_cpu:
            agrees = _same_logits(model, fast, sample)
        else:
            with _float32():
                agrees = _same_logits(model, fast, sample) and _same_gradients(model, fast, sample)
    except _UNFIT:
        return model
    if agrees and not on_cpu:
        _REMEMBERED[model] = (_signature(model), fast)
    return fast if agrees else model


def _remembered(model: nn.Module) -> nn.Module | None:
    """The equivalent that was found for ``model`` with these weights."""
    signature, fast = _REMEMBERED.get(model, (None, None))
    return fast if signature == _signature(model) else None


def _signature(model: nn.Module) -> object:
    """Changes with the modules, with any tensor of the network, and with what is written there."""
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return (
        [(name, type(module)) for name, module in model.named_modules()],
        [(name, id(each), each._version, each.data_ptr()) for name, each in tensors],
    )


def _folded(model: nn.Module) -> nn.Module:
    """A copy without the batch normalisations that follow a convolution directly."""
    if any(isinstance(module, nn.BatchNorm2d) for module in model.modules()):
        # A forward pass that depends on values or sizes has no graph, and stays as it is.
        with contextlib.suppress(*_NO_GRAPH):
            return fuse(model)
    return copy.deepcopy(model)


@contextlib.contextmanager
def _float32() -> Iterator[None]:
    """Without TF32, PyTorch's default in convolutions: its rounding would hide what is wrong."""
    libraries: list[Any] = [torch.backends.cudnn, torch.backends.cuda.matmul]
    before = [library.allow_tf32 for library in libraries]
    try:
        for library in libraries:
            library.allow_tf32 = False
        yield
    finally:
        for library, allowed in zip(libraries, before, strict=True):
            library.allow_tf32 = allowed


def _same_logits(model: nn.Module, fast: nn.Module, sample: Tensor) -> bool:
    with torch.no_grad():
        expected, found = model(sample), fast(sample)
    return torch.allclose(expected, found, rtol=_TOLERANCE, atol=_TOLERANCE)


def _same_gradients(model: nn.Module, fast: nn.Module, sample: Tensor) -> bool:
    """Whether the input gradients agree at one of two points beside ``sample``.

    Images have equal pixels, and so equal maxima in a pooling window, of which each network may
    choose another: noise leaves none. At a kink of ReLU rounding may still decide; that happens at
    one point in a hundred, and a wrong gradient is wrong at both.
    """
    generator = torch.Generator().manual_seed(0)
    for _ in range(2):
        noise = torch.rand(sample.shape, generator=generator).to(sample.device)
        point = (sample + noise) / 2
        expected = _gradient(model, point)
        error = (_gradient(fast, point) - expected).abs().amax()
        if bool(error <= _TOLERANCE * expected.abs().amax()):
            return True
    return False


def _gradient(network: nn.Module, point: Tensor) -> Tensor:
    """Gradient of a sum of the logits in which each has another weight."""
    point = point.detach().requires_grad_(True)
    with torch.enable_grad():
        logits = network(point)
        weights = torch.linspace(-1, 1, logits[0].numel(), device=logits.device)
        value = (logits.flatten(1) * (1 + weights)).sum()
    (gradient,) = torch.autograd.grad(value, point)
    return gradient
