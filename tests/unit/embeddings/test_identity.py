import numpy as np

from advlearn.embeddings.identity import embed
from advlearn.settings.embed import EmbedSettings


def test_pixels_pass_through() -> None:
    points = np.arange(6, dtype=np.float64).reshape(2, 3)
    result = embed(points, EmbedSettings(), 0)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, points)
