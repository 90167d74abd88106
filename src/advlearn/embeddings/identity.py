"""No reduction: the flattened pixels."""

from __future__ import annotations

import numpy as np

from advlearn.settings.embed import EmbedSettings
from advlearn.support.checkpoint import Checkpoint


def embed(
    points: np.ndarray,
    settings: EmbedSettings,
    seed: int,
    checkpoint: Checkpoint | None = None,
) -> np.ndarray:
    """Return the (n, d) points as float32; nothing else is used."""
    return np.asarray(points, dtype=np.float32)
