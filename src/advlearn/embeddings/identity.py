"""No reduction: the flattened pixels."""

from __future__ import annotations

import numpy as np

from advlearn.settings.embed import EmbedSettings


def embed(points: np.ndarray, settings: EmbedSettings, seed: int) -> np.ndarray:
    """Return the (n, d) points as float32; settings and seed are not used."""
    return np.asarray(points, dtype=np.float32)
