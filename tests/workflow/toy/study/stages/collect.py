"""Stage toy_collect: the tidy table of the toy study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from advlearn.studies.toy.paper.schema import SCHEMA
from advlearn.studies.toy.settings import CollectJob

from advlearn.support.checksums import sha256_of_all
from advlearn.support.choices import choices_table
from advlearn.support.io import read_csv, write_csv, write_json
from advlearn.support.manifest import Manifest


def toy_collect(
    *,
    files: Annotated[Manifest, typer.Option(parser=Manifest.parse, help="path patterns, JSON")],
    choices: Annotated[Path, typer.Option(help="CSV of what the paper leaves open")],
    settings: Annotated[CollectJob, typer.Option(parser=CollectJob.from_json, help="JSON")],
    out: Annotated[Path, typer.Option(help="toy_study.json to write, the tables with it")],
) -> None:
    """Gather the means of all seeds."""
    frames = [read_csv(files.path("draw", seed=seed)) for seed in settings.seeds]
    means = pd.concat(frames, ignore_index=True)
    questions = choices_table(read_csv(choices), {"all": settings.study})
    for name, frame in (("toy_draws", means), ("toy_choices", questions)):
        write_csv(out.with_name(f"{name}.csv"), SCHEMA.tables[name].written(frame))
    write_json(
        out,
        {
            "run": settings.run,
            "seeds": list(settings.seeds),
            "files": sha256_of_all(out.with_name(name) for name in SCHEMA.files),
        },
    )
