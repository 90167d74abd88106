"""PASCAL VOC 2012 (Everingham et al. 2015): a devkit, whole or partial, as a list of photos.

    JPEGImages/ID.jpg
    ImageSets/Main/{train,val}.txt            one ID a line: the official parts
    Annotations/ID.xml                        objects with name and difficult, or, without XML,
    ImageSets/Main/{class}_{train,val}.txt    ID and 1 (shows it), 0 (difficult only) or -1 (no)

A class counts as shown when an object of it is not marked difficult. Photos may be missing from a
partial devkit, lists may not: a class without its list could not be told from an absent one. A line
that says the same again counts once, lines that contradict each other are an error. Photos that a
shortened list of a part lacks and lists of classes name are counted in the log.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from advlearn.data.multilabel.listing import Listing, Photo, read_lines, united
from advlearn.support.errors import UserError

CLASSES = tuple(
    "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike "
    "person pottedplant sheep sofa train tvmonitor".split()
)


def read(root: Path) -> Listing:
    """List a devkit: official train part to train on, val part to attack.

    Args:
        root: the folder VOC2012, or one that holds it, or VOCdevkit around it.

    Raises:
        UserError: no devkit is there, or one of its lists is missing or damaged.
    """
    folder = devkit(root)
    return Listing(folder, CLASSES, _part(folder, "train"), _part(folder, "val"))


def devkit(root: Path) -> Path:
    """The folder VOC2012 itself.

    Args:
        root: it, or one that holds it, or VOCdevkit around it.

    Raises:
        UserError: there is none.
    """
    places = [root, root / "VOC2012", root / "VOCdevkit" / "VOC2012"]
    folder = next((place for place in places if (place / "JPEGImages").is_dir()), None)
    if folder is None:
        raise UserError(
            "there is no VOC 2012 devkit: no folder JPEGImages",
            where=f"configuration key 'topk.photos.root': {root}",
            remedy="give the folder VOC2012 of the devkit",
        )
    return folder


def _part(folder: Path, part: str) -> list[Photo]:
    main = folder / "ImageSets" / "Main"
    path = main / f"{part}.txt"
    names = united(read_lines(path), path)
    for name in names:
        if Path(name).name != name or len(name.split()) != 1:
            raise _damaged(path, f"{name!r} is not the ID of a photo alone")
    if (folder / "Annotations").is_dir():
        shown = {name: _annotated(folder / "Annotations" / f"{name}.xml") for name in names}
    else:
        shown = _listed(main, part, names)
    return [Photo(f"JPEGImages/{name}.jpg", tuple(sorted(shown[name]))) for name in names]


def _listed(main: Path, part: str, names: list[str]) -> dict[str, set[int]]:
    """Classes that each photo of a part shows, from the lists of the classes."""
    shown: dict[str, set[int]] = {name: set() for name in names}
    unlisted: dict[str, str] = {}
    for index, label in enumerate(CLASSES):
        path = main / f"{label}_{part}.txt"
        values = _values(path)
        lacking = next((name for name in names if name not in values), None)
        if lacking is not None:
            raise _damaged(path, f"it lacks {lacking}, which {part}.txt names")
        for name in names:
            if values[name] == 1:
                shown[name].add(index)
        unlisted = dict.fromkeys(values.keys() - shown.keys(), path.name) | unlisted
    if unlisted:
        first = min(unlisted)
        print(
            f"[{part}.txt] lists of classes name {len(unlisted)} photos that it does not; they are"
            f" left out (the first: {first} in {unlisted[first]})",
            file=sys.stderr,
        )
    return shown


def _values(path: Path) -> dict[str, int]:
    """-1, 0 or 1 of every photo in the list of one class."""
    values: dict[str, int] = {}
    for line in read_lines(path):
        fields = line.split()
        if len(fields) != 2 or fields[1] not in ("-1", "0", "1"):
            raise _damaged(path, f"{line!r} is not a photo and -1, 0 or 1")
        name, value = fields[0], int(fields[1])
        if values.setdefault(name, value) != value:
            raise _damaged(path, f"it gives {name} both {values[name]} and {value}")
    return values


def _annotated(path: Path) -> set[int]:
    """Classes that the objects of one XML file show; none without the file."""
    if not path.is_file():
        return set()
    try:
        shown = set()
        for one in ET.parse(path).getroot().findall("object"):
            name = (one.findtext("name") or "").strip()
            if name not in CLASSES:
                raise ValueError(f"{name!r} is no class of VOC 2012")
            if int(one.findtext("difficult") or 0) == 0:
                shown.add(CLASSES.index(name))
        return shown
    except (ET.ParseError, ValueError, OSError) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(
        f"the labels cannot be read: {reason}",
        where=str(path),
        remedy="copy the file again from the official devkit",
    )
