"""What a collection of photos says it holds, and which of it a run uses."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from advlearn.data.multilabel.photos import is_readable
from advlearn.data.splits import SplitName
from advlearn.settings.multilabel import PhotosSettings
from advlearn.support.errors import UserError
from advlearn.support.progress import Progress
from advlearn.support.seeds import derive_seed

MISSING, UNLABELLED, DAMAGED = "missing file", "no label", "damaged file"
_BLOCK = 256


@dataclass(frozen=True)
class Photo:
    """A photo that a list names.

    Attributes:
        name: path inside the folder of the photos.
        labels: indices of its classes, ascending.
    """

    name: str
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Listing:
    """A collection as its own lists describe it.

    Attributes:
        root: folder of the photos.
        class_names: one name a class.
        train: photos of the official part that is trained on, in the order of the lists.
        test: photos of the official part that is attacked, in the order of the lists.
    """

    root: Path
    class_names: tuple[str, ...]
    train: list[Photo]
    test: list[Photo]


def read_lines(path: Path) -> list[str]:
    """The lines of a list that are not empty.

    Raises:
        UserError: the list is missing, empty or no text.
    """
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        if not lines:
            raise ValueError("it is empty")
    except (OSError, ValueError) as error:
        raise UserError(
            f"a list of the photos or of their labels cannot be read: {error}",
            where=str(path),
            remedy="photos may be missing, lists may not: copy the file from the official data, or "
            "correct 'root'",
        ) from error
    return lines


def draw_photos(
    listing: Listing, settings: PhotosSettings, threads: int = 1
) -> tuple[dict[SplitName, list[Photo]], list[tuple[str, str]]]:
    """Choose the photos of each split; every chosen photo was decoded once.

    Photos come in an order given by hashing the split seed and the name, so that a smaller split is
    part of a larger one and the order does not depend on what a partial copy lacks. The first of
    the official training part are set aside for validation. Photos that are missing, without labels
    or damaged are left out; the rest is sorted as in the lists.

    Args:
        listing: the collection.
        settings: how many photos are wanted.
        threads: photos decoded at a time.

    Returns:
        The photos of each split, and (name, reason) of each that was left out on the way.

    Raises:
        UserError: an official part has no photo on disk, or fewer than asked for can be used.
    """
    skipped: list[tuple[str, str]] = []
    held_out = settings.validation_images
    wanted = None if settings.train_images is None else held_out + settings.train_images
    train = _usable("train", listing.train, listing.root, settings, wanted, threads, skipped)
    test = _usable(
        "test", listing.test, listing.root, settings, settings.test_images, threads, skipped
    )
    for kind, asked, found in (
        ("training and validation", wanted or held_out + 1, len(train)),
        ("test", settings.test_images or 1, len(test)),
    ):
        if found < asked:
            raise UserError(
                f"{found} photos can be used for {kind}, fewer than the {asked} asked for",
                where=f"{listing.root}, configuration section 'topk.photos'",
                remedy="ask for fewer images, or complete the copy (skipped: "
                f"{len(skipped)} photos missing, without labels or damaged)",
            )
    return {
        "train": _as_listed(listing.train, train[held_out:]),
        "validation": _as_listed(listing.train, train[:held_out]),
        "test": _as_listed(listing.test, test),
    }, skipped


def _as_listed(part: Sequence[Photo], chosen: Sequence[Photo]) -> list[Photo]:
    names = {photo.name for photo in chosen}
    return [photo for photo in part if photo.name in names]


def _usable(
    part: str,
    photos: Sequence[Photo],
    root: Path,
    settings: PhotosSettings,
    wanted: int | None,
    threads: int,
    skipped: list[tuple[str, str]],
) -> list[Photo]:
    """The first ``wanted`` photos that can be used, in the order of their hashes."""
    present = [photo for photo in photos if (root / photo.name).is_file()]
    if not present:
        raise UserError(
            f"none of the {len(photos)} photos that the lists name for the official {part} part "
            "is there",
            where=str(root),
            remedy="put the photos beside their lists (a part of them will do), or correct 'root'",
        )
    there = {photo.name for photo in present}
    skipped += [(photo.name, MISSING) for photo in photos if photo.name not in there]
    skipped += [(photo.name, UNLABELLED) for photo in present if not photo.labels]
    candidates = sorted(
        (photo for photo in present if photo.labels),
        key=lambda photo: (derive_seed(settings.split_seed, part, photo.name), photo.name),
    )
    wanted = len(candidates) if wanted is None else wanted
    usable: list[Photo] = []
    progress = Progress(f"topk_data {settings.name} {part}", wanted, "photos")
    looked_at = 0
    with ThreadPoolExecutor(threads) as pool:
        while len(usable) < wanted and looked_at < len(candidates):
            block = candidates[looked_at : looked_at + min(_BLOCK, wanted - len(usable))]
            looked_at += len(block)
            good = list(pool.map(is_readable, [root / photo.name for photo in block]))
            usable += [photo for photo, whole in zip(block, good, strict=True) if whole]
            skipped += [
                (photo.name, DAMAGED) for photo, whole in zip(block, good, strict=True) if not whole
            ]
            progress.advance(sum(good))
    return usable
