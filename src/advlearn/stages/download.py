"""Stage download: raw files of a data set, each verified, and a manifest that names them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advlearn.data.catalogue import get
from advlearn.data.fetch import exclusive_folder, obtain
from advlearn.settings.data import SourceSettings
from advlearn.support.io import write_json


def download(
    *,
    dataset: Annotated[str, typer.Option(help="name of the data set")],
    settings: Annotated[
        SourceSettings,
        typer.Option(parser=SourceSettings.from_json, help="settings of the sources as JSON"),
    ],
    out: Annotated[Path, typer.Option(help="manifest.json to write beside the raw files")],
) -> None:
    """Fetch the raw files of a data set from the first source that has them, and verify them.

    Files that are in place with the right checksum are kept. The manifest lists every file with its
    SHA-256 digest, size in bytes and source.

    Args:
        dataset: name of the data set.
        settings: where the files may come from.
        out: manifest to write; the raw files are put beside it.

    Raises:
        UserError: the data set is not known, no source has a file, or the folder cannot be
            written to.
    """
    known = get(dataset, where=f"option --dataset: {dataset}")
    manifest = obtain(known, settings, out.parent)
    # What is half-written in the folder is cleared by the next process that fills it.
    with exclusive_folder(out.parent):
        write_json(out, manifest.to_json())
