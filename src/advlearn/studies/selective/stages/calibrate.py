"""Stage calibrate: a block of numbered universes, each measured once, with a short training."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from advlearn.studies.selective.search.measured import load_data, measure
from advlearn.studies.selective.search.questions import FIRST
from advlearn.studies.selective.search.rows import published_shares, row, write_rows
from advlearn.studies.selective.search.space import Draw, draws
from advlearn.studies.selective.search.stopping import hopeless_after, hopeless_early
from advlearn.studies.selective.settings.calibrate import CalibrateJob
from advlearn.support.checkpoint import Checkpoint, SavedState
from advlearn.support.determinism import configure_torch
from advlearn.support.progress import Progress


def calibrate(
    *,
    data: Annotated[Path, typer.Option(help="dataset.json of the prepared data")],
    published: Annotated[Path, typer.Option(help="CSV of the published baselines")],
    settings: Annotated[CalibrateJob, typer.Option(parser=CalibrateJob.from_json, help="JSON")],
    out: Annotated[Path, typer.Option(help="tidy .csv to write")],
    threads: Annotated[int, typer.Option(help="torch threads")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
) -> None:
    """Measure the published baselines in a block of draws, one seed each.

    Accuracies are of the validation split: the universes that the study then uses are chosen
    without a look at the test images.
    """
    torch_device = configure_torch(threads, device)
    checkpoint = Checkpoint(
        out, __name__, (settings, threads, torch_device), (data.parent, published)
    )
    images = load_data(data, settings.validation_images, torch_device)
    n_images = len(images.validation.labels)
    shares = published_shares(published)
    hopeless, early = hopeless_after([], shares, n_images), hopeless_early(shares, n_images)
    progress = Progress(f"calibrate from draw {settings.first}", settings.count, "draws")
    rows = []
    for draw in draws(settings.first, settings.count):

        def measured(draw: Draw = draw) -> SavedState:
            started = time.monotonic()
            outcome = measure(
                draw.universe, images, settings.seed, hopeless, settings.epochs, early
            )
            seconds = time.monotonic() - started
            print(f"draw {draw.number}: {outcome.status}, {seconds:.1f} s", file=sys.stderr)
            return row(draw, FIRST, settings.seed, outcome, n_images)

        rows.append(checkpoint.once(f"draw {draw.number}", measured))
        progress.advance()
    write_rows(out, rows)
    checkpoint.finish()
