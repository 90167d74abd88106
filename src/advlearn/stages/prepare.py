"""Stage prepare: raw files to arrays, and the splits of a run as indices."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import pandas as pd
import typer

from advlearn.data import readers, splits, store
from advlearn.data.catalogue import Dataset, get
from advlearn.data.fetch import Manifest, read_manifest
from advlearn.settings.data import DataSettings
from advlearn.support.checksums import sha256_of
from advlearn.support.errors import UserError
from advlearn.support.text import check_printable


def prepare(
    *,
    manifest: Annotated[Path, typer.Option(help="manifest.json of the stage download")],
    settings: Annotated[
        DataSettings,
        typer.Option(parser=DataSettings.from_json, help="settings of the data as JSON"),
    ],
    out: Annotated[Path, typer.Option(help="dataset.json to write; the arrays are put beside it")],
) -> None:
    """Read the raw files, draw the training, validation and test split, and store them as arrays.

    Written beside ``out``: train_images.npy, train_labels.npy, test_images.npy, test_labels.npy and
    splits.csv (see ``advlearn.data.store``). Training and validation images are disjoint and come
    from the official training set; the official test set gives the test split and nothing else.
    Images that two splits have in common are counted in ``out`` and printed.

    Args:
        manifest: manifest of the raw files, whose checksums are verified again.
        settings: data set, numbers of images and seed of the draw.
        out: dataset.json to write.

    Raises:
        UserError: a raw file is missing, changed or damaged; images or labels cannot be used; more
            images are asked for than there are; or the folder cannot be written to.
    """
    dataset = get(settings.dataset)
    listed = read_manifest(manifest)
    if listed.dataset != dataset.name:
        raise UserError(
            f"the raw files are those of {listed.dataset!r}, not of {dataset.name!r}",
            where=f"{manifest} and configuration key 'data.dataset'",
            remedy="give the manifest of the configured data set",
        )
    official = readers.read(dataset, _verified(dataset, listed, manifest.parent))
    check_printable(official.class_names, "class name", where=f"data set {dataset.name}")
    table = splits.draw_splits(official.train_labels, official.test_labels, settings)
    shared = splits.count_shared(_digests(official, table))
    splits.say_shared("prepare", shared)
    counts = table["split"].value_counts()
    info = store.DatasetInfo(
        name=dataset.name,
        title=dataset.title,
        n_classes=len(official.class_names),
        shape=cast("tuple[int, int, int]", tuple(official.train_images.shape[1:])),
        class_names=official.class_names,
        n_train=int(counts["train"]),
        n_validation=int(counts["validation"]),
        n_test=int(counts["test"]),
        split_seed=settings.split_seed,
        licence=dataset.licence,
        reference=dataset.reference,
        shared=shared,
    )
    store.save_dataset(out, info, official, table)


def _digests(
    official: readers.Official, table: pd.DataFrame
) -> dict[splits.SplitName, list[bytes]]:
    """Digests of the images of each split."""
    found: dict[splits.SplitName, list[bytes]] = {}
    for split in splits.SPLITS:
        rows = table[table["split"] == split]
        images = official.test_images if split == "test" else official.train_images
        found[split] = splits.image_digests(images, rows["index"].to_numpy())
    return found


def _verified(dataset: Dataset, listed: Manifest, folder: Path) -> dict[str, Path]:
    """The raw files by name, each with the digest that the manifest and the catalogue give."""
    known = {file.name: file.sha256 for file in dataset.files}
    files = {}
    for file in listed.files:
        path = folder / file.name
        found = sha256_of(path) if path.is_file() else "no file"
        wanted = known.get(file.name, file.sha256)
        if found != wanted:
            raise UserError(
                f"the raw file is not the one that was downloaded: sha256 {found}, not {wanted}",
                where=str(path),
                remedy="delete it and run the stage download again",
            )
        files[file.name] = path
    return files
