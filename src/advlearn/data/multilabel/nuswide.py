r"""NUS-WIDE (Chua et al. 2009) in the layout of the lists that circulate with the photos.

    classification_labels/classification_{trainval,test}.csv    a header: anything, then one name a
        class; a line a photo: the number of its line in the list of images, counted from 0, then 1
        (shown) or 0 or -1 (not) for each class
    ImageList/{Train,Test}Imagelist.txt    a line a photo: FOLDER\NUMBER_PHOTOID.jpg
    images/..._PHOTOID[_...].jpg           the photos, found by the id after the first underscore

Photos that the csv files do not name, because they show no class, are not part of the data set.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from advlearn.data.multilabel.listing import Listing, Photo, read_lines
from advlearn.support.errors import UserError

_LABELS = {"1": True, "0": False, "-1": False}


def read(root: Path) -> Listing:
    """List the data set: part trainval to train on, part test to attack.

    Args:
        root: folder that holds ``classification_labels``, ``ImageList`` and ``images``.

    Raises:
        UserError: a list is missing or damaged, or the two parts name other classes.
    """
    files = {
        _photo_id(path.name): f"images/{path.name}" for path in sorted((root / "images").glob("*"))
    }
    classes, train = _part(root, "trainval", "Train", files)
    others, test = _part(root, "test", "Test", files)
    if classes != others:
        raise _damaged(root / "classification_labels", "the two csv files name different classes")
    return Listing(root, classes, train, test)


def _part(
    root: Path, part: str, name: str, files: dict[str, str]
) -> tuple[tuple[str, ...], list[Photo]]:
    images = [
        re.split(r"[\\/]", line)[-1]
        for line in read_lines(root / "ImageList" / f"{name}Imagelist.txt")
    ]
    path = root / "classification_labels" / f"classification_{part}.csv"
    header, *rows = csv.reader(read_lines(path))
    photos = []
    for number, row in enumerate(rows, start=2):
        try:
            image = images[int(row[0])]
            shown = [_LABELS[value.strip().removesuffix(".0")] for value in row[1:]]
            if len(row) != len(header) or int(row[0]) < 0:
                raise ValueError
        except (ValueError, IndexError, KeyError) as error:
            raise _damaged(
                path,
                f"line {number} is not a line number of {name}Imagelist.txt and "
                f"{len(header) - 1} labels 0 or 1",
            ) from error
        labels = tuple(index for index, here in enumerate(shown) if here)
        photos.append(Photo(files.get(_photo_id(image), f"images/{image}"), labels))
    return tuple(each.strip() for each in header[1:]), photos


def _photo_id(name: str) -> str:
    """The photo's id: what stands after the first underscore, up to the next or the suffix."""
    return Path(name).stem.split("_")[min(1, name.count("_"))]


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(
        f"the lists cannot be read: {reason}",
        where=str(path),
        remedy="give the lists that circulate, or yours in the same layout (the module "
        "advlearn.data.multilabel.nuswide describes it)",
    )
