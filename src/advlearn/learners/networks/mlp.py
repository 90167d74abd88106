"""Multilayer perceptron."""

from __future__ import annotations

from itertools import pairwise
from math import prod

from torch import nn

from advlearn.learners.networks.scale import first_layers
from advlearn.settings.network import NetworkSettings


def build(settings: NetworkSettings, shape: tuple[int, int, int], n_classes: int) -> nn.Module:
    """ReLU perceptron with hidden layers of ``settings.hidden`` units."""
    widths = [prod(shape), *settings.hidden]
    layers = [*first_layers(settings), nn.Flatten()]
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
        if settings.dropout:
            layers.append(nn.Dropout(settings.dropout))
    layers.append(nn.Linear(widths[-1], n_classes))
    return nn.Sequential(*layers)
