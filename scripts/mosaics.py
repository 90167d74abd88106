"""Put four photos of PASCAL VOC 2012 into one, so that each image shows at least four classes.

    python scripts/mosaics.py VOC2012 mosaics --side 320

Most photos of VOC show one class, which leaves few to attack at k = 2 and 3. A mosaic shows
four photos of four different classes; no photo is in two mosaics, and the official train and val
parts stay apart. They are written as MS COCO 2014 has its photos (annotations, train2014,
val2014), so that `config/scenarios/mosaics.yaml` reads them.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from advlearn.data.multilabel import voc
from advlearn.data.multilabel.listing import Listing, Photo
from advlearn.data.multilabel.photos import decode
from advlearn.support.errors import UserError
from advlearn.support.terminal import terminal

TILES = 4


def quartets(photos: Sequence[Photo], generator: np.random.Generator) -> list[list[int]]:
    """Group photos by fours of different classes, each photo at most once.

    A photo counts for the rarest of its classes. The next four are one each of the four classes
    that have most photos left: counted so, there can be no more groups.

    Args:
        photos: with their classes.
        generator: decides which photo of a class comes next.

    Returns:
        Positions in `photos`, four a group.
    """
    shown = Counter(label for photo in photos for label in photo.labels)
    pools: dict[int, list[int]] = {}
    for position in generator.permutation(len(photos)):
        labels = photos[position].labels
        if labels:
            rarest = min(labels, key=lambda label: (shown[label], label))
            pools.setdefault(rarest, []).append(int(position))
    groups: list[list[int]] = []
    while sum(bool(pool) for pool in pools.values()) >= TILES:
        fullest = sorted(pools, key=lambda label: (-len(pools[label]), label))[:TILES]
        groups.append([pools[label].pop() for label in fullest])
    return groups


def mosaic(paths: Sequence[Path], side: int) -> Image.Image:
    """Four photos, the middle square of each, as the quarters of one of `side` pixels a side."""
    tiles = [decode(path, side // 2, "crop") for path in paths]
    rows = [np.concatenate(tiles[:2], axis=2), np.concatenate(tiles[2:], axis=2)]
    return Image.fromarray(np.concatenate(rows, axis=1).transpose(1, 2, 0))


def write(listing: Listing, out: Path, side: int, seed: int) -> dict[str, int]:
    """Write the mosaics of both parts.

    Args:
        listing: the photos and their classes.
        out: folder of the mosaics; it must not exist.
        side: of a mosaic, in pixels, even.
        seed: which photos meet, and in which quarter each stands.

    Returns:
        Number of mosaics by part.

    Raises:
        UserError: the folder exists, or a photo cannot be read.
    """
    if out.exists():
        raise UserError(
            "the folder for the mosaics exists", where=str(out), remedy="name another one"
        )
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(listing.class_names)]
    written = {}
    for number, (part, photos) in enumerate(
        (("train2014", listing.train), ("val2014", listing.test))
    ):
        generator = np.random.default_rng([seed, number])
        (out / part).mkdir(parents=True)
        images, annotations = [], []
        for image, group in enumerate(quartets(photos, generator), start=1):
            name = f"mosaic_{part}_{image:06d}.jpg"
            quarters = [photos[position] for position in generator.permutation(group)]
            mosaic([listing.root / photo.name for photo in quarters], side).save(
                out / part / name, quality=95
            )
            images.append({"id": image, "file_name": name})
            shown = sorted({label for photo in quarters for label in photo.labels})
            annotations += [{"image_id": image, "category_id": label + 1} for label in shown]
        content = {"images": images, "annotations": annotations, "categories": categories}
        path = out / "annotations" / f"instances_{part}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")
        written[part] = len(images)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("root", type=Path, help="folder VOC2012, whole or partial")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--side", type=int, default=320, help="pixels, even (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="which photos meet (%(default)s)")
    arguments = parser.parse_args()
    if arguments.side < 2 or arguments.side % 2:
        parser.error("--side must be an even number of at least 2")
    listing = voc.read(arguments.root)
    for part, count in write(listing, arguments.out, arguments.side, arguments.seed).items():
        print(f"{part}: {count} mosaics")


if __name__ == "__main__":
    with terminal():
        main()
