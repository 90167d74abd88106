"""Selection rules of the user's own: which adversarial images a model is retrained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from advlearn.support.errors import UserError
from advlearn.support.own import load_own


@dataclass(frozen=True, eq=False)
class Candidates:
    """The n adversarial training images that a rule of one's own chooses from.

    Attributes:
        cluster: (n,) number of each image's cluster, -1 for noise.
        label: (n,) its true class.
        loss: (n,) loss of the pretrained model at it.
        margin: (n,) margin of the pretrained model at it.
        points: (n, d) what was clustered.
    """

    cluster: np.ndarray
    label: np.ndarray
    loss: np.ndarray
    margin: np.ndarray
    points: np.ndarray

    def copied(self) -> Candidates:
        """Arrays of one's own: what a rule writes into reaches no other rule."""
        return Candidates(*(np.array(each) for each in vars(self).values()))


def choose_images(
    function: str, images: Candidates, settings: Mapping[str, Any], seed: int, where: str
) -> np.ndarray:
    """Sorted positions (m,) int32 of the images that a rule of one's own chooses; perhaps none.

    Args:
        function: ``package.module:function``, called with the images, its settings and a seed.
        images: what it chooses from.
        settings: handed to the function.
        seed: handed to the function.
        where: key of the configuration, for messages.

    Raises:
        UserError: the function cannot be loaded, or does not return positions, each once.
    """
    rule = load_own(function, "selection rule", where)
    found = np.asarray(rule(images.copied(), dict(settings), seed))
    n = len(images.cluster)
    if not found.size and found.ndim == 1:
        return np.empty(0, np.int32)
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer):
        problem = f"an array of shape {found.shape}, type {found.dtype}"
    elif found.min() < 0 or found.max() >= n:
        problem = f"position {found.min() if found.min() < 0 else found.max()} of {n} images"
    elif len(np.unique(found)) < len(found):
        problem = "an image more than once"
    else:
        return np.sort(found).astype(np.int32)
    raise UserError(
        f"the selection rule returned {problem}",
        where=where,
        remedy=f"return the positions of the chosen images, whole numbers from 0 to {n - 1}, each"
        " once; np.flatnonzero makes them of a mask (docs/own-selection.md)",
    )
