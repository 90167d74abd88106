"""Stage plausible: the universes that hold most of the weight, as a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
import yaml

from advlearn.studies.selective.search.likelihood import weights
from advlearn.studies.selective.search.plausible import plausible_universes
from advlearn.studies.selective.search.rows import published_shares, read_rows
from advlearn.support.io import write_text

_HEAD = """\
# Written by the stage plausible from the search of study 1: to be laid over a configuration by
# --configfile. The weight of a universe in a set is its share of the likelihood.
"""


def plausible(
    *,
    universes: Annotated[
        list[Path],
        typer.Option(help="selective_universes, .csv or .csv.gz, or files of confirm; repeatable"),
    ],
    published: Annotated[Path, typer.Option(help="CSV of the published baselines")],
    out: Annotated[Path, typer.Option(help=".yaml to write")],
) -> None:
    """Write the plausible set and its two groups of comparison as universes of study 1."""
    frame = pd.concat([read_rows(path) for path in universes], ignore_index=True)
    found = plausible_universes(frame, weights(frame, published_shares(published)))
    content = {"selective": {"universes": found}}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    write_text(out, _HEAD + text)
