r"""NUS-WIDE (Chua et al. 2009) in the layout of the lists that circulate with the photos.

    classification_labels/classification_{trainval,test}.csv    a header: anything, then one name a
        class; a line a photo: the number of its line in the list of images, counted from 0, then 1
        (shown) or 0 or -1 (not) for each class
    ImageList/{Train,Test}Imagelist.txt    a line a photo: FOLDER\NUMBER_PHOTOID.jpg
    images/..._PHOTOID[_...].jpg           the photos, found by the id after the first underscore

Photos that the csv files do not name, because they show no class, are not part of the data set. A
photo that is named again with the same labels counts once.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from advlearn.data.multilabel.listing import Listing, Photo, read_lines
from advlearn.data.tables import read_cells
from advlearn.data.text import check_names
from advlearn.support.errors import UserError

_LABELS = {"1": True, "0": False, "-1": False}


def read(root: Path) -> Listing:
    """List the data set: part trainval to train on, part test to attack.

    Args:
        root: folder that holds ``classification_labels``, ``ImageList`` and ``images``.

    Raises:
        UserError: a list is missing or damaged, or the two parts name other classes.
    """
    files: dict[str, list[str]] = {}
    for path in sorted((root / "images").glob("*")):
        files.setdefault(_photo_id(path.name), []).append(f"images/{path.name}")
    classes, train = _part(root, "trainval", "Train", files)
    others, test = _part(root, "test", "Test", files)
    if classes != others:
        raise _damaged(root / "classification_labels", "the two csv files name different classes")
    return Listing(root, classes, train, test)


def _part(
    root: Path, part: str, name: str, files: dict[str, list[str]]
) -> tuple[tuple[str, ...], list[Photo]]:
    images = [
        re.split(r"[\\/]", line)[-1]
        for line in read_lines(root / "ImageList" / f"{name}Imagelist.txt")
    ]
    path = root / "classification_labels" / f"classification_{part}.csv"
    table = read_cells(path)
    try:
        check_names(table.header[1:], "class")
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    photos: dict[str, Photo] = {}
    again = 0
    for row, line in zip(table.rows, table.lines, strict=True):
        try:
            image = images[_whole(row[0])]
            shown = [_LABELS[value.removesuffix(".0")] for value in row[1:]]
        except (ValueError, IndexError, KeyError) as error:
            raise _damaged(
                path,
                f"line {line} is not a line number of {name}Imagelist.txt and "
                f"{len(table.header) - 1} labels 0 or 1",
            ) from error
        photo = Photo(_file(image, files), tuple(index for index, here in enumerate(shown) if here))
        again += photo.name in photos
        if photos.setdefault(photo.name, photo) != photo:
            raise _damaged(path, f"line {line} gives {image} other labels than a line before it")
    if again:
        print(f"[{path.name}] {again} lines say the same again", file=sys.stderr)
    return table.header[1:], list(photos.values())


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(text)
    return int(text)


def _file(image: str, files: dict[str, list[str]]) -> str:
    """Path of the photo of a name in the list; that name itself when the photo is missing."""
    found = files.get(_photo_id(image), [f"images/{image}"])
    if len(found) > 1:
        raise UserError(
            f"two files have the id of the photo {image}: {found[0]} and {found[1]}",
            where="the folder images of NUS-WIDE",
            remedy="keep the one that the list means",
        )
    return found[0]


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
