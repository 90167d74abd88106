"""Stage collect: the tidy tables that tables and figures read, gathered from all jobs of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from advlearn.data.store import load_info, open_split
from advlearn.selection.rules import CLASSIC
from advlearn.studies.selective.cell import read_cells, strengthened
from advlearn.studies.selective.schema import SCHEMA
from advlearn.studies.selective.search.rows import read_rows
from advlearn.studies.selective.settings.collect import CollectedJob, CollectSettings
from advlearn.support.checksums import sha256_of_all
from advlearn.support.choices import choices_table
from advlearn.support.errors import REBUILT, UserError
from advlearn.support.io import read_csv, read_npy, read_parquet, write_csv, write_json, write_npz
from advlearn.support.manifest import Manifest
from advlearn.support.provenance import versions
from advlearn.support.seeds import derive_seed

# Of a cell and protocol: two splits (validation, test) by three metrics.
ROWS = 6
MAP_POINTS = 2000
MAP_CLUSTERS = 8
"""A map shows at most this many clusters, where the setting fixes their number."""
EXAMPLES = 5


def collect(
    *,
    files: Annotated[
        Manifest, typer.Option(parser=Manifest.parse, help="paths of the jobs' files, JSON")
    ],
    data: Annotated[Path, typer.Option(help="dataset.json of the prepared data")],
    choices: Annotated[Path, typer.Option(help="CSV of what the paper leaves open")],
    settings: Annotated[
        CollectSettings, typer.Option(parser=CollectSettings.from_json, help="JSON")
    ],
    out: Annotated[Path, typer.Option(help="selective_metrics.csv to write, the others beside it")],
) -> None:
    """Gather evaluation, search, maps and examples into tidy tables.

    ``files`` has the kinds evaluation, sanity, strength, selection, losses, embedding (wildcards
    universe, seed, attack, reduction), clusters (the same and clusterer), outcomes, test (universe,
    seed, attack), calibration (block) and confirmation (part).

    Raises:
        UserError: a file is missing, damaged or lacks rows.
    """
    folder = out.parent
    lines = settings.lines()
    tables = {
        "selective_metrics": pd.concat(
            [_evaluated(files, job, seed) for job, seed in lines], ignore_index=True
        ),
        "selective_sanity": pd.concat(
            [read_csv(_path(files, "sanity", job, seed)) for job, seed in lines], ignore_index=True
        ),
        "selective_strength": _strengths(files, settings),
        "selective_universes": _universes(files, settings),
        "selective_embedding": _maps(files, data, settings),
        "selective_choices": _choices(read_csv(choices), settings),
    }
    for name, schema in SCHEMA.tables.items():
        write_csv(folder / f"{name}.csv", schema.written(tables[name]))
    write_npz(folder / "selective_examples.npz", _examples(files, data, settings))
    info = load_info(data.parent)
    counts = {
        split: len(open_split(data.parent, split)) for split in ("train", "validation", "test")
    }
    write_json(
        folder / SCHEMA.record,
        {
            "run": settings.run,
            "dataset": info.name,
            "images": counts,
            **({"shared": dict(info.shared)} if info.shared else {}),
            "seeds": list(settings.seeds),
            "primary": {"universe": settings.primary, "protocol": settings.protocol},
            "universes": settings.universes,
            "versions": versions(),
            "left_out": list(settings.left_out),
            "files": sha256_of_all(folder / name for name in SCHEMA.files),
        },
    )


def _path(files: Manifest, kind: str, job: CollectedJob, seed: int, **more: str) -> Path:
    wildcards = {"universe": job.universe, "attack": job.attack, "reduction": job.reduction}
    return files.path(kind, seed=seed, **wildcards, **more)


def _evaluated(files: Manifest, job: CollectedJob, seed: int) -> pd.DataFrame:
    """The rows of one evaluation: a mean over those that happen to be there would be wrong."""
    path = _path(files, "evaluation", job, seed)
    frame, cells = read_cells(path), read_cells(_path(files, "selection", job, seed))
    wanted = len(cells) * ROWS * frame["protocol"].nunique()
    if len(frame) != wanted or frame["value"].isna().any():
        raise UserError(
            f"{path.name} has {len(frame)} rows, and its selection asks for {wanted}",
            where=str(path),
            remedy=REBUILT,
        )
    return frame.assign(n_steps=_steps(_path(files, "losses", job, seed), frame["digest"]))


def _steps(path: Path, digests: pd.Series) -> pd.Series:
    """Steps of the retraining behind each digest; the classic model is not retrained."""
    losses = read_csv(path, dtype={"digest": str})
    known = {CLASSIC: 0, **dict(zip(losses["digest"], losses["n_steps"], strict=True))}
    absent = digests[~digests.isin(list(known))]
    if len(absent):
        raise UserError(
            f"no retraining of the selection {absent.iloc[0]}", where=str(path), remedy=REBUILT
        )
    return digests.map(known)


def _strengths(files: Manifest, settings: CollectSettings) -> pd.DataFrame:
    """The strong attacks on the models that were to meet them; no rows where none was."""
    strong, frames = settings.strong, []
    for job, seed in settings.lines():
        if strong is None or not strong.has(job.reduction, seed, settings.seeds):
            continue
        path = _path(files, "strength", job, seed)
        cells = strengthened(read_cells(_path(files, "selection", job, seed)), strong)
        frame = read_cells(path)
        wanted = len(cells) * frame["strong_attack"].nunique()
        if len(frame) != wanted or frame["robust_so_far"].isna().any():
            raise UserError(
                f"{path.name} has {len(frame)} rows, and its selection asks for {wanted}",
                where=str(path),
                remedy=REBUILT,
            )
        frames.append(frame)
    columns = list(SCHEMA.tables["selective_strength"].columns)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def _universes(files: Manifest, settings: CollectSettings) -> pd.DataFrame:
    """All rows of the search, by stage and number; none where the run has no search."""
    if not settings.blocks:
        return pd.DataFrame(columns=list(SCHEMA.tables["selective_universes"].columns))
    first = [read_rows(files.path("calibration", block=block)) for block in settings.blocks]
    second = [read_rows(files.path("confirmation", part=part)) for part in settings.parts]
    frame = pd.concat([*first, *second], ignore_index=True)
    return frame.sort_values(["stage", "universe", "seed"], ignore_index=True, kind="stable")


def _maps(files: Manifest, data: Path, settings: CollectSettings) -> pd.DataFrame:
    """Maps of the primary universe and a line's first seed, at most 2,000 points each."""
    labels = open_split(data.parent, "train").labels
    frames = []
    for job in settings.jobs:
        if job.universe != settings.primary or job.reduction == "none":
            continue
        seed = job.seeds[0]
        points = read_npy(_path(files, "embedding", job, seed))
        if points.shape[1] != 2:
            continue
        cells = read_cells(_path(files, "selection", job, seed))
        generator = np.random.default_rng(derive_seed("map", job.attack, job.reduction))
        count = min(MAP_POINTS, len(points))
        shown = np.sort(generator.choice(len(points), size=count, replace=False))
        for clusterer in job.clusterers:
            mine = (cells["clusterer"] == clusterer) & (cells["rule"] == "random")
            for cell in _mapped_cell(cells[mine]).itertuples():
                clusters = read_parquet(_path(files, "clusters", job, seed, clusterer=clusterer))
                assigned = clusters[cell.setting].to_numpy()[shown]
                frames.append(
                    pd.DataFrame(
                        {
                            "universe": job.universe,
                            "seed": seed,
                            "attack": job.attack,
                            "reduction": job.reduction,
                            "clusterer": clusterer,
                            "setting": cell.setting,
                            "position": shown,
                            "x": points[shown, 0],
                            "y": points[shown, 1],
                            "label": labels[shown],
                            "cluster": assigned,
                            "chosen": (assigned == cell.cluster).astype(int),
                        }
                    )
                )
    columns = list(SCHEMA.tables["selective_embedding"].columns)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def _mapped_cell(cells: pd.DataFrame) -> pd.DataFrame:
    """The cell of the most clusters that a map shows, where they are counted; else the first."""
    few = cells[(cells["n_clusters"] <= MAP_CLUSTERS).fillna(False)]
    return few.tail(1) if len(few) else cells.head(1)


def _examples(files: Manifest, data: Path, settings: CollectSettings) -> dict[str, np.ndarray]:
    """Test images of different classes with their adversarial versions, primary universe."""
    test = open_split(data.parent, "test")
    # The first image of each of the first classes: chosen by the label, not by the outcome.
    shown = [int(np.flatnonzero(test.labels == label)[0]) for label in np.unique(test.labels)]
    shown = shown[:EXAMPLES]
    arrays = {"clean": test.images(shown), "label": test.labels[shown]}
    first: dict[str, int] = {}
    for each in settings.jobs:
        if each.universe == settings.primary:
            first.setdefault(each.attack, each.seeds[0])
    for attack, seed in first.items():
        job = {"universe": settings.primary, "seed": seed, "attack": attack}
        outcomes = read_parquet(files.path("outcomes", **job))
        outcomes = outcomes[outcomes["split"] == "test"].set_index("position").loc[shown]
        images = read_npy(files.path("test", **job), mmap=True)
        arrays[f"adversarial_{attack}"] = np.array(images[shown])
        arrays[f"prediction_{attack}"] = outcomes["adversarial_prediction"].to_numpy()
        arrays["clean_prediction"] = outcomes["clean_prediction"].to_numpy()
    return arrays


def _choices(questions: pd.DataFrame, settings: CollectSettings) -> pd.DataFrame:
    """What the paper leaves open; questions about a universe are answered once for each."""
    of_universe = questions["key"].str.startswith("universe.")
    parts = []
    for mask, answers in (
        (of_universe, settings.universes),
        (~of_universe, {"all": settings.study}),
    ):
        if mask.any():
            parts.append(choices_table(questions[mask], answers))
    return pd.concat(parts, ignore_index=True)
