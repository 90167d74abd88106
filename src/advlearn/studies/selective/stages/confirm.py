"""Stage confirm: the finalists of the search at full length, with several seeds."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from advlearn.studies.selective.search.measured import Data, Shares, load_data, measure
from advlearn.studies.selective.search.questions import MEASURED, MEASURED_TO_THE_END, SECOND
from advlearn.studies.selective.search.rows import published_shares, row, write_rows
from advlearn.studies.selective.search.space import Draw, draws
from advlearn.studies.selective.search.stopping import hopeless_after
from advlearn.studies.selective.settings.calibrate import ConfirmJob
from advlearn.support.checkpoint import Checkpoint, SavedState
from advlearn.support.determinism import configure_torch
from advlearn.support.io import read_csv
from advlearn.support.progress import Progress


def confirm(
    *,
    data: Annotated[Path, typer.Option(help="dataset.json of the prepared data")],
    finalists: Annotated[Path, typer.Option(help="finalists.csv of the stage finalists")],
    published: Annotated[Path, typer.Option(help="CSV of the published baselines")],
    settings: Annotated[ConfirmJob, typer.Option(parser=ConfirmJob.from_json, help="JSON")],
    out: Annotated[Path, typer.Option(help="tidy .csv to write")],
    threads: Annotated[int, typer.Option(help="torch threads")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
) -> None:
    """Measure the published baselines in some finalists, seed after seed.

    A finalist is left where the mean of its seeds so far can have no weight. The finalists of a
    part are spread over the list, so that no part has all that are measured to the end.
    """
    torch_device = configure_torch(threads, device)
    checkpoint = Checkpoint(
        out, __name__, (settings, threads, torch_device), (data.parent, finalists, published)
    )
    images = load_data(data, None, torch_device)
    shares = published_shares(published)
    mine = read_csv(finalists)[settings.part :: settings.parts]
    progress = Progress(f"confirm part {settings.part}", len(mine), "draws")
    rows: list[dict[str, Any]] = []
    for number, chosen_by in zip(mine["universe"], mine["chosen_by"], strict=True):
        (draw,) = draws(int(number), 1)
        rows += _by_seed(draw, str(chosen_by), images, shares, settings, checkpoint)
        progress.advance()
    write_rows(out, rows)
    checkpoint.finish()


def _by_seed(
    draw: Draw,
    chosen_by: str,
    images: Data,
    published: Shares,
    settings: ConfirmJob,
    checkpoint: Checkpoint,
) -> list[dict[str, Any]]:
    """The rows of one finalist; the last is not `measured` where it was left."""
    n_images = len(images.validation.labels)
    rows: list[dict[str, Any]] = []
    for seed in settings.seeds:
        earlier = [{name: each[name] for name in MEASURED} for each in rows]
        hopeless = hopeless_after(earlier, published, n_images)

        def measured(seed: int = seed, hopeless: Any = hopeless) -> SavedState:
            started = time.monotonic()
            outcome = measure(draw.universe, images, seed, hopeless)
            seconds = time.monotonic() - started
            what = f"draw {draw.number} seed {seed}: {outcome.status}, {seconds:.1f} s"
            print(what, file=sys.stderr)
            return row(draw, SECOND, seed, outcome, n_images, chosen_by)

        rows.append(checkpoint.once(f"draw {draw.number} seed {seed}", measured))
        if rows[-1]["status"] != MEASURED_TO_THE_END:
            break
    return rows
