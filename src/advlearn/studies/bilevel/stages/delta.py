"""Stage bilevel_delta: the delta-measure's closed forms, its growth and its alternatives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from advlearn.deviations.agreement import agreement
from advlearn.deviations.checks import check_formulas
from advlearn.deviations.moves import monotonicity, moved_points
from advlearn.studies.bilevel.settings.delta import BilevelDeltaSettings
from advlearn.support.io import write_csv


def bilevel_delta(
    *,
    settings: Annotated[
        BilevelDeltaSettings, typer.Option(parser=BilevelDeltaSettings.from_json, help="JSON")
    ],
    out: Annotated[Path, typer.Option(help="formulas.csv to write, the others beside it")],
) -> None:
    """Measure the delta-measure on partitions alone; no data and no learner are needed.

    Written: formulas.csv (closed forms against brute force) and beside it moved.csv (delta^2 by
    pattern and number of moved points), monotone.csv (random moves that do not increase it) and
    agreement.csv (Kendall's tau of every deviation with the matching error).

    Raises:
        UserError: the folder cannot be written to.
    """
    seed = settings.seeds[0]
    write_csv(out, pd.DataFrame(check_formulas(settings.cases, seed)))
    write_csv(out.with_name("moved.csv"), pd.DataFrame(moved_points(settings.sizes)))
    monotone = monotonicity(
        settings.points,
        settings.monotone_clusters,
        settings.imbalances,
        settings.bins,
        settings.moves,
        seed,
    )
    write_csv(out.with_name("monotone.csv"), pd.DataFrame(monotone))
    found = agreement(
        settings.points,
        settings.agreement_clusters,
        settings.unbalanced,
        settings.partitions,
        settings.seeds,
    )
    write_csv(out.with_name("agreement.csv"), pd.DataFrame(found))
