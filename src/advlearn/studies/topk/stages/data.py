"""Stage topk_data: the multi-label data set of study 2 with its three splits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from advlearn.data.multilabel.catalogue import COLLECTIONS, find_listing
from advlearn.data.multilabel.listing import Listing, draw_photos
from advlearn.data.multilabel.scenes import compose
from advlearn.data.multilabel.store import SplitLabels, save_images, save_multilabel
from advlearn.data.splits import SPLITS, SplitName, say_shared
from advlearn.data.store import load_info, open_split
from advlearn.settings.multilabel import PhotosSettings, ScenesSettings
from advlearn.studies.topk.settings.jobs import TopkDataJob
from advlearn.support.errors import UserError
from advlearn.support.progress import Progress
from advlearn.support.text import check_printable

_BLOCK = 1000


def topk_data(
    *,
    settings: Annotated[TopkDataJob, typer.Option(parser=TopkDataJob.from_json, help="JSON")],
    out: Annotated[Path, typer.Option(help="dataset.json to write; the rest is put beside it")],
    data: Annotated[
        Path | None, typer.Option(help="scenes only: dataset.json of the run's prepared data")
    ] = None,
    raw: Annotated[
        Path | None, typer.Option(help="photos only: folder of downloads, which runs may share")
    ] = None,
    threads: Annotated[int, typer.Option(help="photos decoded at a time")] = 1,
) -> None:
    """Make a multi-label data set: scenes composed of the run's images, or a photo collection.

    Scenes of a split show images of the same split of the run's data. Photos of the official part
    that the paper attacks become the test split; the validation split is set aside from the
    official training part. Every photo of a split is decoded once; those that are missing, without
    labels or cannot be used are left out, counted, and listed in skipped.csv. What is done to a
    photo on the way to 8-bit RGB, and photos that two splits have in common, are counted in
    ``out`` and printed. Of scenes ``out`` counts the images that they are composed of and that two
    splits have in common.

    Written beside ``out``: images.csv, images.npy and skipped.csv (see
    ``advlearn.data.multilabel.store``).

    Args:
        settings: which data set, and where its archives may come from.
        out: dataset.json to write.
        data: dataset.json of the stage prepare.
        raw: where archives are downloaded and unpacked to, when no copy of the photos is given.
        threads: photos decoded at a time.

    Raises:
        UserError: the data are missing or damaged or do not suffice, or the folder cannot be
            written to.
    """
    if isinstance(settings.data, ScenesSettings):
        _scenes(settings.data, data, out)
    else:
        listing = find_listing(settings.data, settings.sources, raw or out.parent / "raw")
        _photos(settings.data, listing, out, threads)


def _scenes(settings: ScenesSettings, data: Path | None, out: Path) -> None:
    if data is None:
        raise UserError(
            "scenes are composed of the run's own images, and none are given",
            where="option --data",
            remedy="give the dataset.json of the stage prepare",
        )
    info = load_info(data)
    shape = (info.shape[0], settings.canvas, settings.canvas)
    counts: dict[SplitName, int] = {
        "train": settings.train_images,
        "validation": settings.validation_images,
        "test": settings.test_images,
    }
    names = settings.label_names(info.class_names)
    shown = {split: np.empty((counts[split], len(names)), dtype=bool) for split in SPLITS}
    progress = Progress("topk_data scenes", sum(counts.values()), "scenes")

    def blocks() -> Iterator[np.ndarray]:
        for split in SPLITS:
            source = open_split(data, split)
            if source.dtype != np.uint8:
                print(
                    f"[topk_data] {split}: images in floating point are rounded to 255 steps",
                    file=sys.stderr,
                )
            pixels = np.empty(source.shape, dtype=np.uint8)
            for start in range(0, len(source), _BLOCK):
                rows = slice(start, start + _BLOCK)
                pixels[rows] = np.rint(source.images(rows) * 255)
            for start in range(0, counts[split], _BLOCK):
                count = min(_BLOCK, counts[split] - start)
                scenes, labels = compose(
                    pixels, source.labels, info.n_classes, settings, split, count, start
                )
                shown[split][start : start + count] = labels
                progress.advance(count)
                yield scenes

    save_images(out.parent, sum(counts.values()), shape, blocks())
    save_multilabel(
        out,
        name=settings.name,
        class_names=names,
        shape=shape,
        splits={
            split: SplitLabels([f"{split}/{n:06d}" for n in range(counts[split])], shown[split])
            for split in SPLITS
        },
        found={str(split): count for split, count in counts.items()},
        shared=info.shared,
    )


def _photos(settings: PhotosSettings, listing: Listing, out: Path, threads: int) -> None:
    collection = COLLECTIONS[settings.name]
    side = settings.size or collection.size
    check_printable(listing.class_names, "class name", where=str(listing.root))
    drawn = draw_photos(listing, settings, threads)
    for change, count in drawn.changed.items():
        print(f"[topk_data] {count} photos: {change}", file=sys.stderr)
    say_shared("topk_data", drawn.shared)
    splits = {}
    for split, photos in drawn.splits.items():
        labels = np.zeros((len(photos), len(listing.class_names)), dtype=bool)
        for row, photo in enumerate(photos):
            labels[row, list(photo.labels)] = True
        splits[split] = SplitLabels([photo.name for photo in photos], labels)
    save_images(out.parent, 0, (3, side, side), ())
    save_multilabel(
        out,
        name=settings.name,
        class_names=listing.class_names,
        shape=(3, side, side),
        splits=splits,
        found={"train": len(listing.train), "test": len(listing.test)},
        skipped=drawn.skipped,
        root=listing.root,
        mode=collection.mode,
        changed=drawn.changed,
        shared=drawn.shared,
    )
