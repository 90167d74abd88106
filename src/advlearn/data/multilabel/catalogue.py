"""The known photo collections: how each is read, how its photos become squares, its archives.

Sizes, cropping and parts are those of the code published with the paper (arXiv 2309.00007).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from advlearn.data.catalogue import Dataset, RawFile
from advlearn.data.multilabel import coco, nuswide, voc
from advlearn.data.multilabel.archives import obtain_photos
from advlearn.data.multilabel.listing import Listing
from advlearn.data.multilabel.photos import Mode
from advlearn.settings.data import SourceSettings
from advlearn.settings.multilabel import PhotosSettings
from advlearn.support.errors import UserError


@dataclass(frozen=True)
class Collection:
    """One known photo collection.

    Attributes:
        read: lists the folder of a copy.
        mode: how photos become squares.
        size: side of the square in pixels unless the user chooses another.
        official: its archives at their official addresses; none when there are none.
    """

    read: Callable[[Path], Listing]
    mode: Mode
    size: int
    official: Dataset | None


def _official(
    name: str, title: str, reference: str, archives: dict[str, tuple[str, int]]
) -> Dataset:
    """A data set whose raw files are archives: digest and bytes by address."""
    return Dataset(
        name=name,
        title=title,
        reader="photos",
        n_train=0,
        n_test=0,
        shape=(),
        class_names=(),
        licence="terms of the photo site flickr",
        reference=reference,
        files=tuple(
            RawFile(address.rsplit("/", 1)[1], "archive", sha256, size, (address,), (), "")
            for address, (sha256, size) in archives.items()
        ),
    )


COLLECTIONS = {
    "voc2012": Collection(
        voc.read,
        "crop",
        300,
        _official(
            "voc2012",
            "PASCAL VOC 2012",
            "Everingham et al. (2015), The PASCAL visual object classes challenge: a retrospective",
            {
                "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar": (
                    "e14f763270cf193d0b5f74b169f44157a4b0c6efa708f4dd0ff78ee691763bcb",
                    1_999_639_040,
                ),
            },
        ),
    ),
    "coco2014": Collection(
        coco.read,
        "square",
        448,
        _official(
            "coco2014",
            "MS COCO 2014",
            "Lin et al. (2014), Microsoft COCO: common objects in context",
            {
                "http://images.cocodataset.org/annotations/annotations_trainval2014.zip": (
                    "031296bbc80c45a1d1f76bf9a90ead27e94e99ec629208449507a4917a3bf009",
                    252_872_794,
                ),
                "http://images.cocodataset.org/zips/val2014.zip": (
                    "fe9be816052049c34717e077d9e34aa60814a55679f804cd043e3cbee3b9fde0",
                    6_645_013_297,
                ),
                "http://images.cocodataset.org/zips/train2014.zip": (
                    "ede4087e640bddba550e090eae701092534b554b42b05ac33f0300b984b31775",
                    13_510_573_713,
                ),
            },
        ),
    ),
    "nuswide": Collection(nuswide.read, "square", 224, None),
}


def find_listing(settings: PhotosSettings, sources: SourceSettings, raw: Path) -> Listing:
    """List a collection: the user's copy, or else the official archives, downloaded and unpacked.

    Args:
        settings: which collection, and where the user's copy is.
        sources: where archives may come from; its ``root`` belongs to the run's own data set.
        raw: folder for archives and what is in them.

    Raises:
        UserError: there is no copy and no source, or a list is missing or damaged.
    """
    collection = COLLECTIONS[settings.name]
    if settings.root is not None:
        return collection.read(settings.root)
    if collection.official is None:
        raise UserError(
            f"{settings.name} cannot be downloaded: it has no official address",
            where="configuration key 'topk.photos.root': null",
            remedy="set it to the folder of your copy",
        )
    sources = sources.model_copy(update={"root": None})
    return collection.read(obtain_photos(collection.official, sources, raw))
