"""Stage toy_draw: means of draws from the unit interval."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from advlearn.studies.toy.settings import DrawJob

from advlearn.support.io import write_csv


def toy_draw(
    *,
    settings: Annotated[DrawJob, typer.Option(parser=DrawJob.from_json, help="JSON")],
    seed: Annotated[int, typer.Option(help="seed of the run")],
    out: Annotated[Path, typer.Option(help="CSV to write")],
) -> None:
    """Write the mean of some draws for each size."""
    generator = np.random.default_rng(seed)
    means = [generator.random(size).mean() for size in settings.sizes]
    write_csv(out, pd.DataFrame({"seed": seed, "size": settings.sizes, "value": means}))
