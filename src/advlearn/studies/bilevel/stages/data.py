"""Stage bilevel_data: one point set of study 3, on the scale that all of them share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from advlearn.data.point_sets import make_points, save_points
from advlearn.studies.bilevel.settings.path import BilevelDataJob


def bilevel_data(
    *,
    settings: Annotated[BilevelDataJob, typer.Option(parser=BilevelDataJob.from_json, help="JSON")],
    out: Annotated[Path, typer.Option(help=".npz to write")],
) -> None:
    """Read or draw a point set, bring it to scale and write it down.

    Written: points (n, d) float64 whose median nearest-neighbour edge is 1, truth (n,) int64 (-1
    where no classes are known), and the names of classes, features and dropped columns.

    Raises:
        UserError: the data are missing or not what they should be (see
            ``advlearn.data.point_sets``).
    """
    data = make_points(settings.data, settings.n_neighbors)
    if data.dropped:
        print(
            f"[bilevel_data] {len(data.dropped)} constant columns left out:"
            f" {', '.join(data.dropped)}",
            file=sys.stderr,
        )
    save_points(out, data)
