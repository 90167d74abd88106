"""Point sets of study 3: scikit-learn's own, drawn shapes, and a CSV file of the user's.

Every set is brought to one scale: measurements become z-scores and digits are divided by 16, drawn
shapes stay as drawn; then all is divided by the median length of the k-nearest-neighbour edges,
which is 1 afterwards. Weights exp(-phi distance^2) then mean the same for each set, in two
dimensions and in 64, and so does the size of a perturbation.
"""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from advlearn.data.table_head import FEWEST
from advlearn.data.tables import read_table
from advlearn.settings.points import (
    BlobsSettings,
    BundledSettings,
    CsvSettings,
    DigitsSettings,
    MoonsSettings,
    PointSet,
)
from advlearn.support.errors import REBUILT, UserError
from advlearn.support.io import read_npz, write_npz
from advlearn.support.seeds import derive_seed

_LEAST, _MOST = 1e-100, 1e100
"""Size of the largest number of a column: sums of squares stay far from 0 and from overflow."""


@dataclass(frozen=True)
class Points:
    """A point set on its common scale.

    Attributes:
        points: (n, d) float64, finite.
        truth: (n,) int64 classes 0, 1, ... or None where none is known.
        classes: name of each class.
        features: name of each column.
        dropped: names of the columns that were constant and left out.
        scale: what the prepared coordinates were divided by.
    """

    points: np.ndarray
    truth: np.ndarray | None
    classes: tuple[str, ...]
    features: tuple[str, ...]
    dropped: tuple[str, ...]
    scale: float


@dataclass(frozen=True)
class _Raw:
    points: np.ndarray
    truth: np.ndarray | None
    classes: tuple[str, ...]
    features: tuple[str, ...]


def make_points(settings: PointSet, n_neighbors: int = 10) -> Points:
    """Read or draw a point set and bring it to the common scale.

    Args:
        settings: which one, and how much of it.
        n_neighbors: k of the edges whose median length becomes 1.

    Raises:
        UserError: a file is missing or no table of finite numbers, a class does not exist, or the
            points are too few or all the same.
    """
    where = f"configuration key 'bilevel.datasets', name: {settings.name}"
    if isinstance(settings, CsvSettings):
        raw, where = _csv(settings), str(settings.path)
    elif isinstance(settings, BundledSettings):
        raw = _bundled(settings)
    elif isinstance(settings, DigitsSettings):
        raw = _digits(settings)
    elif isinstance(settings, BlobsSettings):
        raw = _blobs(settings)
    else:
        raw = _moons(settings)
    if not isinstance(settings, BlobsSettings | MoonsSettings):
        raw = _drawn(raw, settings.points, settings.seed, where)
    if len(raw.points) < FEWEST:
        raise UserError(
            f"{len(raw.points)} points are too few to be clustered",
            where=where,
            remedy=f"give at least {FEWEST} points",
        )
    points, kept = raw.points, np.ones(raw.points.shape[1], dtype=bool)
    if isinstance(settings, BundledSettings) or (
        isinstance(settings, CsvSettings) and settings.standardise
    ):
        points, kept = standardised(points)
        if not kept.any():
            raise UserError(
                "every column is constant: all points are the same",
                where=where,
                remedy="give a column in which the points differ",
            )
    scale = median_edge(points, n_neighbors)
    if scale == 0:
        raise UserError(
            "most points have exact copies as their nearest neighbours, so there is no scale",
            where=where,
            remedy="remove copies of points, or raise bilevel.graph.n_neighbors",
        )
    names = np.array(raw.features, dtype=object)
    return Points(
        points=points / scale,
        truth=raw.truth,
        classes=raw.classes,
        features=tuple(names[kept]),
        dropped=tuple(names[~kept]),
        scale=scale,
    )


def save_points(path: Path, data: Points) -> None:
    """Write a point set as .npz without pickle: the attributes by name, unknown classes as -1."""
    truth = np.full(len(data.points), -1) if data.truth is None else data.truth
    write_npz(
        path,
        {
            "points": data.points,
            "truth": truth.astype(np.int64),
            "classes": np.array(data.classes, dtype=str),
            "features": np.array(data.features, dtype=str),
            "dropped": np.array(data.dropped, dtype=str),
            "scale": np.array(data.scale),
        },
    )


def read_points(path: Path) -> Points:
    """Read what ``save_points`` wrote.

    Raises:
        UserError: the file is missing, damaged, or holds something else.
    """
    arrays = read_npz(path)
    try:
        truth = arrays["truth"]
        return Points(
            points=arrays["points"],
            truth=truth if (truth >= 0).all() else None,
            classes=tuple(arrays["classes"].tolist()),
            features=tuple(arrays["features"].tolist()),
            dropped=tuple(arrays["dropped"].tolist()),
            scale=float(arrays["scale"]),
        )
    except KeyError as error:
        raise UserError(
            f"is no point set: the array {error} is missing",
            where=str(path),
            remedy=REBUILT,
        ) from error


def standardised(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Z-scores of the columns that vary.

    Args:
        points: (n, d) finite.

    Returns:
        Columns of mean 0 and variance 1 (population), and which of the d columns they are. A column
        is constant when its spread is nothing but rounding of its size.
    """
    mean, spread = points.mean(axis=0), points.std(axis=0)
    kept = spread > 1e-12 * np.maximum(np.abs(points).max(axis=0), np.finfo(float).tiny)
    return (points[:, kept] - mean[kept]) / spread[kept], kept


def median_edge(points: np.ndarray, n_neighbors: int) -> float:
    """Median length of the edges from every point to its nearest others.

    Args:
        points: (n, d), n at least 2.
        n_neighbors: k; at most n - 1 are there.
    """
    from scipy.spatial import cKDTree

    k = min(n_neighbors, len(points) - 1)
    distances, _ = cKDTree(points).query(points, k=k + 1)
    # The first neighbour is the point itself, or a copy of it at the same distance 0.
    return float(np.median(distances[:, 1:]))


def _drawn(raw: _Raw, count: int | None, seed: int, where: str) -> _Raw:
    """``count`` of the points, from each class its share, in their old order."""
    n = len(raw.points)
    if count is None or count == n:
        return raw
    if count > n:
        raise UserError(
            f"{count} points are asked for, and there are {n}",
            where=where,
            remedy=f"set 'points' to at most {n}, or to null for all",
        )
    generator = np.random.default_rng(derive_seed(seed, "bilevel", "points"))
    truth = np.zeros(n, dtype=np.int64) if raw.truth is None else raw.truth
    order = generator.permutation(n)
    # Round robin over the classes in proportion: rank within the class, divided by its size.
    rank = np.empty(n)
    for each in np.unique(truth):
        members = order[truth[order] == each]
        rank[members] = (np.arange(len(members)) + 0.5) / len(members)
    rows = np.sort(np.lexsort((order, rank))[:count])
    return _Raw(
        points=raw.points[rows],
        truth=None if raw.truth is None else raw.truth[rows],
        classes=raw.classes,
        features=raw.features,
    )


def _bundled(settings: BundledSettings) -> _Raw:
    from sklearn import datasets

    found = getattr(datasets, f"load_{settings.name}")()
    return _Raw(
        points=np.asarray(found.data, dtype=np.float64),
        truth=np.asarray(found.target, dtype=np.int64),
        classes=tuple(str(name) for name in found.target_names),
        features=tuple(str(name) for name in found.feature_names),
    )


def _digits(settings: DigitsSettings) -> _Raw:
    from sklearn.datasets import load_digits

    images, digits = load_digits(return_X_y=True)
    rows = np.isin(digits, settings.classes)
    truth = np.searchsorted(np.sort(settings.classes), digits[rows])
    return _Raw(
        points=np.asarray(images[rows], dtype=np.float64) / 16,
        truth=truth.astype(np.int64),
        classes=tuple(str(digit) for digit in sorted(settings.classes)),
        features=tuple(f"pixel {row},{column}" for row in range(8) for column in range(8)),
    )


def _moons(settings: MoonsSettings) -> _Raw:
    from sklearn.datasets import make_circles, make_moons

    make = make_moons if settings.name == "moons" else make_circles
    shape = {} if settings.name == "moons" else {"factor": 0.5}
    seed = derive_seed(settings.seed, "bilevel", settings.name)
    points, truth = make(
        n_samples=settings.points, noise=settings.noise, random_state=seed, **shape
    )
    return _Raw(
        points=np.asarray(points, dtype=np.float64),
        truth=np.asarray(truth, dtype=np.int64),
        classes=("0", "1"),
        features=("x", "y"),
    )


def _blobs(settings: BlobsSettings) -> _Raw:
    count = settings.clusters
    angles = 2 * np.pi * np.arange(count) / count
    # Side s of a regular polygon with k corners: radius s / (2 sin(pi / k)).
    radius = settings.separation / (2 * np.sin(np.pi / count)) if count > 1 else 0.0
    centres = radius * np.column_stack([np.cos(angles), np.sin(angles)])
    truth = np.sort(np.arange(settings.points) % count)
    generator = np.random.default_rng(derive_seed(settings.seed, "bilevel", "blobs"))
    noise = generator.standard_normal((settings.points, 2))
    return _Raw(
        points=centres[truth] + settings.spread * noise,
        truth=truth.astype(np.int64),
        classes=tuple(str(number) for number in range(count)),
        features=("x", "y"),
    )


def _csv(settings: CsvSettings) -> _Raw:
    table = read_table(settings.path)
    features, classes, truth = list(table.header), np.array([], dtype=str), None
    if settings.label is not None:
        label = settings.label.strip()
        # A letter with an accent may be written in two ways that look alike and mean the same.
        cells = [unicodedata.normalize("NFC", cell) for cell in table.column(label)]
        classes, truth = np.unique(np.array(cells, dtype=str), return_inverse=True)
        features.remove(label)
    if not features:
        raise UserError(
            "there is no column of numbers", where=str(table.path), remedy="give at least one"
        )
    columns = [table.numbers(name) for name in features]
    for name, values in zip(features, columns, strict=True):
        size = float(np.abs(values).max(initial=0.0))
        if size and not _LEAST < size < _MOST:
            raise UserError(
                f"the largest number of the column {name!r} has the size {size:g}, whose square"
                f" is too {'large' if size > 1 else 'small'} to be computed with",
                where=str(table.path),
                remedy="give the column in another unit",
            )
        if len(values) > 1 and values[0] in (0, 1) and (np.diff(values) == 1).all():
            print(
                f"[{table.path.name}] the column {name!r} counts the rows and is used like every"
                " other: remove it if it measures nothing",
                file=sys.stderr,
            )
    return _Raw(
        points=np.column_stack(columns),
        truth=None if truth is None else truth.astype(np.int64),
        classes=tuple(str(name) for name in classes),
        features=tuple(features),
    )
