"""The known data sets: two tables beside this module, ``datasets.csv`` and ``dataset_files.csv``.

A further data set in a format that is read already (idx, the CIFAR binary batches) needs rows in
the two tables and no code.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from advlearn.settings.data import DataSettings, SourceSettings
from advlearn.support.errors import UserError, unknown_name

KEY = "configuration key 'data.dataset'"


@dataclass(frozen=True)
class PackageMember:
    """Files inside a package that a package manager can fetch.

    Attributes:
        manager: ``npm`` or ``deb``.
        package: the package as its manager names it, for npm with its version.
        members: paths inside the package; one, unless the raw file is rebuilt from several.
    """

    manager: str
    package: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class RawFile:
    """One raw file of a data set, as its reader wants it.

    Attributes:
        name: file name.
        role: what it holds, for example ``train_images``.
        sha256: hexadecimal digest of the raw (uncompressed) file.
        size: bytes of the raw file.
        official: addresses; ``.gz`` is decompressed, ``ARCHIVE#MEMBER`` is taken out.
        packages: packages that carry the same bytes.
        rebuild: how the file is rebuilt from the members of a package; empty: it is one member.
    """

    name: str
    role: str
    sha256: str
    size: int
    official: tuple[str, ...]
    packages: tuple[PackageMember, ...]
    rebuild: str


@dataclass(frozen=True)
class Dataset:
    """One known data set.

    Attributes:
        name: its name in the configuration.
        title: its name in text.
        reader: the format: ``idx``, ``cifar``, ``digits`` or ``arrays``.
        n_train: images of the official training set; 0 when not known beforehand.
        n_test: images of the official test set; 0 when not known beforehand.
        shape: (channels, height, width); empty when not known beforehand.
        class_names: one name a class; empty when not known beforehand.
        licence: licence of the data.
        reference: the publication to cite.
        files: the raw files; none when nothing is downloaded.
    """

    name: str
    title: str
    reader: str
    n_train: int
    n_test: int
    shape: tuple[int, ...]
    class_names: tuple[str, ...]
    licence: str
    reference: str
    files: tuple[RawFile, ...]


@cache
def datasets() -> dict[str, Dataset]:
    """All known data sets by name."""
    files: dict[str, list[RawFile]] = {}
    for row in _rows("dataset_files.csv"):
        if row["file"] in {file.name for file in files.get(row["dataset"], [])}:
            raise _twice("dataset_files.csv", f"{row['file']} of {row['dataset']!r}")
        files.setdefault(row["dataset"], []).append(_raw_file(row))
    found: dict[str, Dataset] = {}
    for row in _rows("datasets.csv"):
        if row["name"] in found:
            raise _twice("datasets.csv", f"the data set {row['name']!r}")
        found[row["name"]] = Dataset(
            name=row["name"],
            title=row["title"],
            reader=row["reader"],
            n_train=int(row["train"] or 0),
            n_test=int(row["test"] or 0),
            shape=tuple(int(side) for side in row["shape"].split("x")) if row["shape"] else (),
            class_names=tuple(row["classes"].split("|")) if row["classes"] else (),
            licence=row["licence"],
            reference=row["reference"],
            files=tuple(files.get(row["name"], [])),
        )
    return found


def check_known(name: str, *, where: str = KEY) -> None:
    """Refuse a name that is in no table.

    Raises:
        UserError: the data set is not known; the error lists those that are.
    """
    if name not in datasets():
        raise unknown_name("data set", name, list(datasets()), where=where)


def get(name: str, *, where: str = KEY) -> Dataset:
    """The data set of this name.

    Raises:
        UserError: the data set is not known.
    """
    check_known(name, where=where)
    return datasets()[name]


def check_settings(data: DataSettings, sources: SourceSettings) -> None:
    """Refuse, before any job starts, what cannot work with the chosen data set.

    Raises:
        UserError: the data set is not known, more images are asked for than it has, or the user's
            own copy is not where the configuration says.
    """
    dataset = get(data.dataset)
    if sources.root is not None and not sources.root.exists():
        raise UserError(
            "the user's own copy of the data does not exist",
            where=f"configuration key 'sources.root': {sources.root}",
            remedy="give a path that exists, or null to use the other sources",
        )
    if dataset.reader == "arrays":
        if sources.root is None or sources.root.suffix != ".npz" or not sources.root.is_file():
            raise UserError(
                "the data set 'arrays' reads its images from an .npz file of yours",
                where=f"configuration key 'sources.root': {sources.root}",
                remedy="set 'sources.root' to the path of an .npz file (docs/own-data.md)",
            )
        return
    check_counts(data, dataset.n_train, dataset.n_test)


def check_counts(data: DataSettings, n_train: int, n_test: int) -> None:
    """Refuse splits larger than the official sets they are drawn from.

    Raises:
        UserError: more images are asked for than there are.
    """
    wanted = data.validation_images + (1 if data.train_images is None else data.train_images)
    if wanted > n_train:
        raise UserError(
            f"{data.dataset} has {n_train} training images, fewer than the training and validation "
            "splits need together",
            where=f"configuration keys 'data.train_images': {data.train_images} and "
            f"'data.validation_images': {data.validation_images}",
            remedy=f"choose numbers whose sum is at most {n_train}",
        )
    if data.test_images is not None and data.test_images > n_test:
        raise UserError(
            f"{data.dataset} has {n_test} test images, fewer than asked for",
            where=f"configuration key 'data.test_images': {data.test_images}",
            remedy=f"choose at most {n_test}, or null for all",
        )


def _rows(table: str) -> Iterator[dict[str, str]]:
    text = resources.files("advlearn.data").joinpath(table).read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())


def _twice(table: str, what: str) -> UserError:
    return UserError(
        f"{what} is given twice",
        where=f"the table {table} of the package advlearn.data",
        remedy="keep one of the two rows",
    )


def _raw_file(row: dict[str, str]) -> RawFile:
    packages = []
    for spec in row["package"].split():
        manager, package, members = spec.split(":", 2)
        packages.append(PackageMember(manager, package, tuple(members.split("+"))))
    return RawFile(
        name=row["file"],
        role=row["role"],
        sha256=row["sha256"],
        size=int(row["bytes"]),
        official=tuple(row["official"].split()),
        packages=tuple(packages),
        rebuild=row["rebuild"],
    )
