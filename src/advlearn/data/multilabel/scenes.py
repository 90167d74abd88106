"""Scenes: images of distinct classes, resized and pasted into one canvas, labelled with them all.

They make a multi-label data set out of any single-label one, with every number of labels equally
frequent, where photo collections hold mostly images of one or two labels.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from advlearn.data.validation import check_labels
from advlearn.settings.multilabel import ScenesSettings
from advlearn.support.errors import UserError
from advlearn.support.seeds import derive_seed

_TRIES = 32


def compose(
    images: np.ndarray,
    labels: np.ndarray,
    n_classes: int,
    settings: ScenesSettings,
    split: str,
    count: int,
    start: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Compose scenes ``start`` to ``start + count - 1`` of a split.

    A scene depends on the images, the seed of the settings, the split and its own number only. How
    many labels it has is uniform in ``settings.labels``; each label gives one image of its class,
    whose longer side is uniform in ``settings.side``. With ``settings.negatives`` there is a second
    label for each class, whose images are shown as their negatives. Of some random places for an
    image the one that covers least of what is there already is taken; where images overlap the
    brighter pixel counts.

    Args:
        images: images to paste, uint8 (n, channels, height, width).
        labels: their classes, whole numbers (n) in 0..n_classes-1.
        n_classes: number of classes.
        settings: size of a scene, of what it shows, and the seed.
        split: split that the images belong to; different splits give different scenes.
        count: number of scenes.
        start: number of the first scene.

    Returns:
        The scenes, uint8 (count, channels, canvas, canvas), and which labels each has, bool
        (count, labels), those of negatives last.

    Raises:
        UserError: there are fewer labels than the fewest of a scene, or a class has no image.
    """
    where = f"configuration section 'topk.scenes', split {split!r}"
    check_labels(labels, n_classes, len(images), where=where)
    n_labels = settings.n_labels(n_classes)
    fewest, most = settings.labels[0], min(settings.labels[1], n_labels)
    if fewest > most:
        raise UserError(
            f"a scene has at least {fewest} labels, and the data give {n_labels}",
            where=f"configuration key 'topk.scenes.labels': {list(settings.labels)}",
            remedy=f"choose at most {n_labels}",
        )
    pools = [np.flatnonzero(labels == label) for label in range(n_classes)]
    empty = [label for label, pool in enumerate(pools) if not pool.size]
    if empty:
        raise UserError(
            f"the class {empty[0]} has no image to compose scenes of",
            where=where,
            remedy="use a larger split of the run's data",
        )
    scenes = np.zeros((count, images.shape[1], settings.canvas, settings.canvas), dtype=np.uint8)
    shown = np.zeros((count, n_labels), dtype=bool)
    family = derive_seed(settings.seed, "scenes", split)
    for row in range(count):
        # (family, number) seeds without the collisions that 31 bits a scene would have.
        generator = np.random.default_rng((family, start + row))
        drawn = generator.permutation(n_labels)[: generator.integers(fewest, most + 1)]
        shown[row, drawn] = True
        pasted = [pools[label % n_classes] for label in drawn]
        chosen = [images[pool[generator.integers(pool.size)]] for pool in pasted]
        chosen = [
            255 - image if label >= n_classes else image
            for image, label in zip(chosen, drawn, strict=True)
        ]
        sides = generator.integers(settings.side[0], settings.side[1] + 1, size=len(drawn))
        _paste(scenes[row], [_resize(*pair) for pair in zip(chosen, sides, strict=True)], generator)
    return scenes, shown


def _resize(image: np.ndarray, side: int) -> np.ndarray:
    """Resize (channels, height, width) to a longer side of ``side`` pixels."""
    height, width = (max(1, round(int(side) * n / max(image.shape[1:]))) for n in image.shape[1:])
    planes = [
        Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR) for plane in image
    ]
    return np.stack([np.asarray(plane) for plane in planes])


def _paste(scene: np.ndarray, pieces: list[np.ndarray], generator: np.random.Generator) -> None:
    """Paste the pieces, large ones first, each where it overlaps least with those before it."""
    canvas = scene.shape[-1]
    corners = np.empty((0, 4), dtype=np.int64)  # top, left, bottom, right
    for piece in sorted(pieces, key=lambda piece: -piece.size):
        size = np.array(piece.shape[1:])
        first = generator.integers(0, canvas - size + 1, size=(_TRIES, 2))
        low = np.maximum(first[:, None], corners[:, :2])
        high = np.minimum((first + size)[:, None], corners[:, 2:])
        overlap = np.clip(high - low, 0, None).prod(axis=2).sum(axis=1)
        top, left = first[overlap.argmin()]
        bottom, right = top + size[0], left + size[1]
        place = scene[:, top:bottom, left:right]
        np.maximum(place, piece, out=place)
        corners = np.vstack([corners, (top, left, bottom, right)])
