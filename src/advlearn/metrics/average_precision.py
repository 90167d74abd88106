"""Average precision of multi-label scores: by class, over classes and over images.

The area under the precision-recall curve as a sum over thresholds, without interpolation; equal
scores share one threshold (as in scikit-learn).
"""

from __future__ import annotations

import numpy as np


def class_average_precision(scores: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """Average precision of each class over the images.

    Args:
        scores: (n, c) finite; higher means more likely.
        relevant: bool (n, c), whether the image has the label.

    Returns:
        float64 (c) in [0, 1]; NaN for a class that no image has.

    Raises:
        ValueError: the shapes differ, or a score is not finite.
    """
    if scores.shape != relevant.shape or scores.ndim != 2:
        raise ValueError(f"scores of shape {scores.shape} for labels of {relevant.shape}")
    if not np.isfinite(scores).all():
        raise ValueError("the scores are not finite")
    n = len(scores)
    order = np.argsort(-scores, axis=0, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=0)
    hits = np.take_along_axis(relevant.astype(bool), order, axis=0)
    # Every rank takes the precision at the last rank of its tied scores.
    ends = np.full(scores.shape, n - 1)
    ends[:-1] = np.where(ranked[1:] != ranked[:-1], np.arange(n - 1)[:, None], n - 1)
    ends = np.minimum.accumulate(ends[::-1], axis=0)[::-1]
    precision = np.take_along_axis(hits.cumsum(axis=0), ends, axis=0) / (ends + 1)
    found = hits.sum(axis=0)
    result: np.ndarray = np.where(
        found > 0, (precision * hits).sum(axis=0) / np.maximum(found, 1), np.nan
    )
    return result


def mean_average_precision(scores: np.ndarray, relevant: np.ndarray) -> float:
    """Mean over the classes that some image has ("class mAP"); NaN where there is none.

    Arguments and errors as in `class_average_precision`.
    """
    return _mean(class_average_precision(scores, relevant))


def sample_average_precision(scores: np.ndarray, relevant: np.ndarray) -> float:
    """Mean over the images with a label of the average precision over an image's labels.

    This is what the code of the T_kMIA paper calls mAP and selects its checkpoints by. NaN where no
    image has a label. Arguments and errors as in `class_average_precision`.
    """
    return _mean(class_average_precision(scores.T, relevant.T))


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
