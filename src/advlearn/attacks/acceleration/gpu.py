"""The same function with an input gradient that is cheaper on a GPU.

A step of an attack on a small network is bound by the memory of the GPU, and by libraries that are
slow where a convolution has few channels. A convolution with the ReLU and the 2x2 max-pooling that
follow it becomes one module (:mod:`~advlearn.attacks.acceleration.fused`), which reads its input
and writes its result once. In the graph of the network (``torch.fx``) these patterns are found
among functions as well as among modules.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from advlearn.attacks.acceleration.fused import FusedConv2d, suits

_RELU = {functional.relu, torch.relu, "relu"}
_POOL = {functional.max_pool2d, torch.max_pool2d}
# The arguments after the input, in their order, with the values that mean 2x2 windows side by side.
_PLAIN_POOL: dict[str, tuple[Any, ...]] = {
    "kernel_size": (2, (2, 2)),
    "stride": (None, 2, (2, 2)),
    "padding": (0, (0, 0)),
    "dilation": (1, (1, 1)),
    "ceil_mode": (False,),
    "return_indices": (False,),
}


def rewritten(model: nn.Module) -> nn.Module:
    """``model`` in its cheaper form; its own modules are taken apart.

    Raises:
        ImportError: Triton, which comes with PyTorch for CUDA, is not installed.
        Exception: whatever tracing a network raises that has no graph of its own.
    """
    if find_spec("triton") is None:
        raise ImportError("no Triton")
    network = fx.symbolic_trace(model)
    modules = dict(network.named_modules())
    for node in list(network.graph.nodes):
        if node.op != "call_module" or node.kwargs or len(node.args) != 1:
            continue
        convolution = modules[node.target]
        if not suits(convolution):
            continue
        last, relu, pool = _followers(node, modules)
        name = f"fused_{node.name}"
        network.add_submodule(name, FusedConv2d(convolution, relu=relu, pool=pool))
        with network.graph.inserting_after(last):
            fused = network.graph.call_module(name, node.args)
        last.replace_all_uses_with(fused)
        pattern = [last]
        while pattern[-1] is not node:
            pattern += pattern[-1].all_input_nodes
        for each in pattern:
            network.graph.erase_node(each)
    if not any(isinstance(module, FusedConv2d) for module in network.modules()):
        return model
    network.delete_all_unused_submodules()
    network.recompile()
    return network


def _followers(node: fx.Node, modules: dict[str, nn.Module]) -> tuple[fx.Node, bool, bool]:
    """The last node of the pattern that begins at ``node``; whether it has ReLU, and pooling."""
    relu = _only_user(node, modules, _is_relu)
    if relu is None:
        # Max-pooling before ReLU is the same function.
        pool = _only_user(node, modules, _is_pool)
        relu = _only_user(pool, modules, _is_relu) if pool else None
        return (relu, True, True) if relu else (node, False, False)
    pool = _only_user(relu, modules, _is_pool)
    return (pool, True, True) if pool else (relu, True, False)


def _only_user(node: fx.Node, modules: dict[str, nn.Module], accepted: Any) -> fx.Node | None:
    """The only node that uses ``node``, as its first argument, if it is accepted."""
    users = list(node.users)
    if len(users) != 1 or not users[0].args or users[0].args[0] is not node:
        return None
    (user,) = users
    what = modules[str(user.target)] if user.op == "call_module" else user.target
    return user if accepted(what, user) else None


def _is_relu(what: Any, node: fx.Node) -> bool:
    if isinstance(what, nn.Module):
        return type(what) is nn.ReLU
    return what in _RELU and len(node.args) == 1 and node.kwargs.keys() <= {"inplace"}


def _is_pool(what: Any, node: fx.Node) -> bool:
    """Whether it is max-pooling of 2x2 windows side by side, and nothing else."""
    if type(what) is nn.MaxPool2d:
        given = {name: getattr(what, name) for name in _PLAIN_POOL}
    elif isinstance(what, nn.Module) or what not in _POOL:
        return False
    else:
        given = dict(zip(_PLAIN_POOL, node.args[1:], strict=False)) | node.kwargs
    return all(value in _PLAIN_POOL.get(name, ()) for name, value in given.items())
