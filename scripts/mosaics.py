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
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from advlearn.data.multilabel import voc
from advlearn.data.multilabel.listing import Listing, Photo
from advlearn.data.multilabel.photos import decode, look_at
from advlearn.support.errors import UserError
from advlearn.support.terminal import command

TILES = 4
LARGEST = 4096
"""Pixels of a side, at most: a mosaic is held in memory whole."""


@dataclass(frozen=True)
class Made:
    """What became of a part: its mosaics, and photos without a label or that cannot be used."""

    mosaics: int
    left_out: int


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


def write(listing: Listing, out: Path, side: int, seed: int) -> dict[str, Made]:
    """Write the mosaics of both parts, all or none.

    Args:
        listing: the photos and their classes; photos that are missing or damaged are left out.
        out: folder of the mosaics; it must not exist.
        side: of a mosaic, in pixels, even.
        seed: which photos meet, and in which quarter each stands.

    Returns:
        What became of each part.

    Raises:
        UserError: the folder exists or cannot be written to, or a part has no four photos of four
            classes.
    """
    if out.exists() or out.is_symlink():
        raise UserError(
            "the folder for the mosaics exists", where=str(out), remedy="name another one"
        )
    unfinished = out.with_name(f"{out.name}.part")
    try:
        if unfinished.exists():  # of a run that was broken off
            shutil.rmtree(unfinished)
        (unfinished / "annotations").mkdir(parents=True)
        made = {
            part: _write_part(listing, part, photos, unfinished, side, [seed, number])
            for number, (part, photos) in enumerate(
                (("train2014", listing.train), ("val2014", listing.test))
            )
        }
        unfinished.rename(out)
    except OSError as error:
        raise UserError(
            f"the mosaics cannot be written: {error.strerror or error}",
            where=str(out),
            remedy="name a folder in which files can be made",
        ) from error
    return made


def _write_part(
    listing: Listing, part: str, photos: Sequence[Photo], out: Path, side: int, seed: list[int]
) -> Made:
    generator = np.random.default_rng(seed)
    usable = [
        photo
        for photo in photos
        if photo.labels and look_at(listing.root / photo.name).fault is None
    ]
    groups = quartets(usable, generator)
    if not groups:
        classes = {label for photo in usable for label in photo.labels}
        raise UserError(
            f"there are no four photos of four classes for {part}: {len(usable)} of"
            f" {len(photos)} photos can be used, with {len(classes)} classes",
            where=str(listing.root),
            remedy="give a copy of VOC 2012 with more photos",
        )
    (out / part).mkdir()
    images, annotations = [], []
    for image, group in enumerate(groups, start=1):
        name = f"mosaic_{part}_{image:06d}.jpg"
        quarters = [usable[position] for position in generator.permutation(group)]
        paths = [listing.root / photo.name for photo in quarters]
        mosaic(paths, side).save(out / part / name, quality=95)
        images.append({"id": image, "file_name": name})
        shown = sorted({label for photo in quarters for label in photo.labels})
        annotations += [{"image_id": image, "category_id": label + 1} for label in shown]
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(listing.class_names)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    path = out / "annotations" / f"instances_{part}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return Made(len(images), len(photos) - len(usable))


def _side(text: str) -> int:
    side = int(text)
    if not 2 <= side <= LARGEST or side % 2:
        raise argparse.ArgumentTypeError(f"it must be an even number from 2 to {LARGEST}")
    return side


def _seed(text: str) -> int:
    seed = int(text)
    if seed < 0:
        raise argparse.ArgumentTypeError("it must be at least 0")
    return seed


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("root", type=Path, help="folder VOC2012, whole or partial")
    parser.add_argument("out", type=Path, help="folder to write; it must not exist")
    parser.add_argument("--side", type=_side, default=320, help="pixels, even (%(default)s)")
    parser.add_argument("--seed", type=_seed, default=0, help="which photos meet (%(default)s)")
    arguments = parser.parse_args()
    listing = voc.read(arguments.root.expanduser())
    out = arguments.out.expanduser()
    for part, made in write(listing, out, arguments.side, arguments.seed).items():
        lost = f"; {made.left_out} photos left out" if made.left_out else ""
        print(f"{part}: {made.mosaics} mosaics{lost}")


if __name__ == "__main__":
    with command():
        main()
