"""What a collection of photos says it holds, and which of it a run uses."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from advlearn.data.multilabel.photos import look_at
from advlearn.data.splits import SplitName, count_shared
from advlearn.data.text import check_names, read_text, repeated, split_lines
from advlearn.settings.multilabel import PhotosSettings
from advlearn.support.errors import UserError
from advlearn.support.progress import Progress
from advlearn.support.seeds import derive_seed
from advlearn.support.text import check_printable

MISSING, UNLABELLED = "missing file", "no label"
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
    """A collection as its own lists describe it: every class and every photo once.

    Attributes:
        root: folder of the photos.
        class_names: one name a class.
        train: photos of the official part that is trained on, in the order of the lists.
        test: photos of the official part that is attacked, in the order of the lists.

    Raises:
        UserError: a class has no name or that of another one, or a photo is listed twice.
    """

    root: Path
    class_names: tuple[str, ...]
    train: list[Photo]
    test: list[Photo]

    def __post_init__(self) -> None:
        try:
            check_names(self.class_names, "class")
            for part in (self.train, self.test):
                names = [photo.name for photo in part]
                check_printable(names, "photo", where=f"lists of {self.root}")
                twice = repeated(names)
                if twice:
                    raise ValueError(f"the photo {twice[0]} is listed twice in one part")
            both = {photo.name for photo in self.train} & {photo.name for photo in self.test}
            if both:
                raise ValueError(
                    f"the photo {min(both)} is in the part to train on and in the part to attack"
                    f" ({len(both)} photos in all)"
                )
        except UserError:
            raise
        except ValueError as error:
            raise UserError(
                f"the lists contradict themselves: {error}",
                where=f"lists of {self.root}",
                remedy="correct the lists: each class and each photo once, each photo in one part",
            ) from error


@dataclass(frozen=True)
class Drawn:
    """The photos of a run.

    Attributes:
        splits: the photos of each split; every one was decoded once.
        skipped: (name, reason) of each that was left out on the way.
        changed: number of photos by what is done to them on the way to 8-bit RGB.
        shared: number of photos that are in two splits under two names, see ``count_shared``.
    """

    splits: Mapping[SplitName, list[Photo]]
    skipped: Sequence[tuple[str, str]]
    changed: Mapping[str, int]
    shared: Mapping[str, int]


def read_lines(path: Path) -> list[str]:
    """The lines of a list that are not empty, without blanks around them.

    Raises:
        UserError: the list is missing, empty or no text.
    """
    try:
        lines = [line.strip() for line in split_lines(read_text(path)) if line.strip()]
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


def united(values: Sequence[str], path: Path) -> list[str]:
    """Each of the values once, in order; how many stood there again is printed."""
    once = list(dict.fromkeys(values))
    if len(once) < len(values):
        print(f"[{path.name}] {len(values) - len(once)} lines say the same again", file=sys.stderr)
    return once


def draw_photos(listing: Listing, settings: PhotosSettings, threads: int = 1) -> Drawn:
    """Choose the photos of each split; every chosen photo was decoded once.

    Photos come in an order given by hashing the split seed and the name, so that a smaller split is
    part of a larger one and the order does not depend on what a partial copy lacks. The first of
    the official training part are set aside for validation. Photos that are missing, without labels
    or cannot be used are left out; the rest is sorted as in the lists.

    Args:
        listing: the collection.
        settings: how many photos are wanted.
        threads: photos decoded at a time.

    Raises:
        UserError: an official part has no photo on disk, or fewer than asked for can be used.
    """
    drawing = _Drawing(listing.root, settings, threads)
    held_out = settings.validation_images
    wanted = None if settings.train_images is None else held_out + settings.train_images
    train = drawing.usable("train", listing.train, wanted)
    test = drawing.usable("test", listing.test, settings.test_images)
    for kind, asked, found in (
        ("training and validation", wanted or held_out + 1, len(train)),
        ("test", settings.test_images or 1, len(test)),
    ):
        if found < asked:
            reasons = Counter(reason for _, reason in drawing.skipped)
            raise UserError(
                f"{found} photos can be used for {kind}, fewer than the {asked} asked for",
                where=f"{listing.root}, configuration section 'topk.photos'",
                remedy="ask for fewer images, or complete the copy (left out: "
                + (", ".join(f"{count} {reason}" for reason, count in reasons.items()) or "none")
                + ")",
            )
    splits: dict[SplitName, list[Photo]] = {
        "train": _as_listed(listing.train, train[held_out:]),
        "validation": _as_listed(listing.train, train[:held_out]),
        "test": _as_listed(listing.test, test),
    }
    digests = {
        split: [drawing.digests[photo.name] for photo in part] for split, part in splits.items()
    }
    changed = dict(sorted(drawing.changed.items()))
    return Drawn(splits, drawing.skipped, changed, count_shared(digests))


def _as_listed(part: Sequence[Photo], chosen: Sequence[Photo]) -> list[Photo]:
    names = {photo.name for photo in chosen}
    return [photo for photo in part if photo.name in names]


def _is_file(path: Path) -> bool:
    """Whether a file is there and can be looked up; a name may be longer than files can have."""
    try:
        return path.is_file()
    except OSError:
        return False


class _Drawing:
    """Photos that were looked at, and what was seen."""

    def __init__(self, root: Path, settings: PhotosSettings, threads: int) -> None:
        self.root, self.settings, self.threads = root, settings, threads
        self.skipped: list[tuple[str, str]] = []
        self.changed: Counter[str] = Counter()
        self.digests: dict[str, bytes] = {}

    def usable(self, part: str, photos: Sequence[Photo], wanted: int | None) -> list[Photo]:
        """The first ``wanted`` photos that can be used, in the order of their hashes."""
        present = [photo for photo in photos if _is_file(self.root / photo.name)]
        if not present:
            raise UserError(
                f"none of the {len(photos)} photos that the lists name for the official {part} "
                "part is there",
                where=str(self.root),
                remedy="put the photos beside their lists (a part of them will do), or correct "
                "'root'",
            )
        there = {photo.name for photo in present}
        self.skipped += [(photo.name, MISSING) for photo in photos if photo.name not in there]
        self.skipped += [(photo.name, UNLABELLED) for photo in present if not photo.labels]
        seed = self.settings.split_seed
        candidates = sorted(
            (photo for photo in present if photo.labels),
            key=lambda photo: (derive_seed(seed, part, photo.name), photo.name),
        )
        wanted = len(candidates) if wanted is None else wanted
        usable: list[Photo] = []
        progress = Progress(f"topk_data {self.settings.name} {part}", wanted, "photos")
        looked_at = 0
        with ThreadPoolExecutor(self.threads) as pool:
            while len(usable) < wanted and looked_at < len(candidates):
                block = candidates[looked_at : looked_at + min(_BLOCK, wanted - len(usable))]
                looked_at += len(block)
                looks = pool.map(look_at, [self.root / photo.name for photo in block])
                before = len(usable)
                for photo, look in zip(block, looks, strict=True):
                    if look.fault is not None:
                        self.skipped.append((photo.name, look.fault))
                        continue
                    usable.append(photo)
                    self.changed.update(look.changes)
                    self.digests[photo.name] = look.digest
                progress.advance(len(usable) - before)
        return usable
