"""Stage collect: the tidy tables that tables and figures read, gathered from all jobs of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from advlearn.data.store import load_info, open_split
from advlearn.studies.selective.settings.collect import CollectedJob, CollectSettings
from advlearn.support.checksums import sha256_of_all
from advlearn.support.choices import answered
from advlearn.support.errors import MADE_ANEW, UserError
from advlearn.support.io import read_csv, read_npy, read_parquet, write_csv, write_json, write_npz
from advlearn.support.provenance import versions
from advlearn.support.seeds import derive_seed

FILES = (
    "selective_metrics.csv selective_sanity.csv selective_calibration.csv selective_embedding.csv"
    " selective_examples.npz choices.csv"
).split()
"""What is written, besides study.json, which holds the checksums of these."""
# Of a cell and protocol: two splits (validation, test) by three metrics.
ROWS = 6
MAP_POINTS = 2000
EXAMPLES = 5


def collect(
    *,
    run: Annotated[Path, typer.Option(help="folder of the run")],
    data: Annotated[Path, typer.Option(help="dataset.json of the prepared data")],
    choices: Annotated[Path, typer.Option(help="CSV of what the paper leaves open")],
    settings: Annotated[
        CollectSettings, typer.Option(parser=CollectSettings.from_json, help="JSON")
    ],
    out: Annotated[Path, typer.Option(help="selective_metrics.csv to write, the others beside it")],
) -> None:
    """Gather evaluation, calibration, maps and examples into tidy tables."""
    folder = out.parent
    paths = [
        run / "evaluation" / job.universe / f"seed{seed}" / job.attack / f"{job.reduction}.csv"
        for job in settings.jobs
        for seed in settings.seeds
    ]
    texts = {"setting": str, "digest": str, "paired_digest": str, "cluster": "Int64"}
    frames = [read_csv(path, dtype=texts) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        _check_complete(path, frame, run)
    metrics = pd.concat(frames, ignore_index=True)
    sanity = pd.concat(
        [read_csv(path.with_name(f"{path.stem}.sanity.csv")) for path in paths], ignore_index=True
    )
    write_csv(folder / "selective_sanity.csv", sanity)
    calibration = [run / "calibration" / f"seed{seed}.csv" for seed in settings.calibration_seeds]
    write_csv(
        folder / "selective_calibration.csv",
        _with_universe_id(pd.concat([read_csv(path) for path in calibration], ignore_index=True)),
    )
    write_csv(folder / "selective_embedding.csv", _maps(run, data, settings))
    write_npz(folder / "selective_examples.npz", _examples(run, data, settings))
    write_csv(folder / "choices.csv", _choices(read_csv(choices), settings))
    info = load_info(data.parent)
    counts = {
        split: len(open_split(data.parent, split)) for split in ("train", "validation", "test")
    }
    write_csv(out, metrics)
    write_json(
        folder / "study.json",
        {
            "run": settings.run,
            "dataset": info.name,
            "images": counts,
            "seeds": list(settings.seeds),
            "primary": {"universe": settings.primary, "protocol": settings.protocol},
            "universes": settings.universes,
            "versions": versions(),
            "files": sha256_of_all(folder / name for name in FILES),
        },
    )


def _check_complete(path: Path, frame: pd.DataFrame, run: Path) -> None:
    """A mean over the rows that happen to be there would be a wrong number."""
    selection = read_csv(run / "selections" / path.relative_to(run / "evaluation"))
    wanted = len(selection) * ROWS * frame["protocol"].nunique()
    if len(frame) != wanted or frame["value"].isna().any():
        raise UserError(
            f"{path.name} has {len(frame)} rows, and its selection asks for {wanted}",
            where=str(path),
            remedy=MADE_ANEW,
        )


def _with_universe_id(calibration: pd.DataFrame) -> pd.DataFrame:
    """Number the universes in the order of their first appearance, from 1."""
    choices = ["model", "epsilon", "pgd_step", "schedule", "start", "crafting", "protocol"]
    numbers = calibration.groupby(choices, sort=False).ngroup() + 1
    calibration.insert(0, "universe_id", numbers)
    return calibration


def _maps(run: Path, data: Path, settings: CollectSettings) -> pd.DataFrame:
    """Maps of the primary universe and the first seed, at most 2,000 points each."""
    seed = settings.seeds[0]
    labels = open_split(data.parent, "train").labels
    frames = []
    for job in settings.jobs:
        if job.universe != settings.primary or job.reduction == "none":
            continue
        points = read_npy(_path(run, "embeddings", job, seed, ".npy"))
        if points.shape[1] != 2:
            continue
        selection = read_csv(_path(run, "selections", job, seed, ".csv"), dtype={"setting": str})
        generator = np.random.default_rng(derive_seed("map", job.attack, job.reduction))
        count = min(MAP_POINTS, len(points))
        shown = np.sort(generator.choice(len(points), size=count, replace=False))
        for clusterer in job.clusterers:
            folder = _path(run, "clusters", job, seed, "")
            clusters = read_parquet(folder / f"{clusterer}.parquet")
            for setting in _shown_settings(list(clusters.columns)):
                random = selection[
                    (selection["clusterer"] == clusterer)
                    & (selection["setting"] == setting)
                    & (selection["rule"] == "random")
                ]
                if random.empty:
                    continue
                assigned = clusters[setting].to_numpy()[shown]
                frames.append(
                    pd.DataFrame(
                        {
                            "universe": job.universe,
                            "seed": seed,
                            "attack": job.attack,
                            "reduction": job.reduction,
                            "clusterer": clusterer,
                            "setting": setting,
                            "position": shown,
                            "x": points[shown, 0],
                            "y": points[shown, 1],
                            "label": labels[shown],
                            "cluster": assigned,
                            "chosen": (assigned == int(random["cluster"].iloc[0])).astype(int),
                        }
                    )
                )
    columns = (
        "universe seed attack reduction clusterer setting position x y label cluster chosen".split()
    )
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def _shown_settings(settings: list[str]) -> list[str]:
    """The largest of at most eight clusters where clusters are counted, else the first setting."""
    counted = [name for name in settings if name.startswith("n_clusters=")]
    small = [name for name in counted if int(name.split("=")[1]) <= 8]
    return small[-1:] or settings[:1]


def _examples(run: Path, data: Path, settings: CollectSettings) -> dict[str, np.ndarray]:
    """Test images of different classes with their adversarial versions, primary universe."""
    seed = settings.seeds[0]
    test = open_split(data.parent, "test")
    # The first image of each of the first classes: chosen by the label, not by the outcome.
    shown = [int(np.flatnonzero(test.labels == label)[0]) for label in np.unique(test.labels)]
    shown = shown[:EXAMPLES]
    arrays = {"clean": test.images(shown), "label": test.labels[shown]}
    attacks = dict.fromkeys(job.attack for job in settings.jobs if job.universe == settings.primary)
    for attack in attacks:
        folder = run / "adversarial" / settings.primary / f"seed{seed}" / attack
        outcomes = read_parquet(folder / "outcomes.parquet")
        outcomes = outcomes[outcomes["split"] == "test"].set_index("position").loc[shown]
        arrays[f"adversarial_{attack}"] = np.array(read_npy(folder / "test.npy", mmap=True)[shown])
        arrays[f"prediction_{attack}"] = outcomes["adversarial_prediction"].to_numpy()
        arrays["clean_prediction"] = outcomes["clean_prediction"].to_numpy()
    return arrays


def _choices(questions: pd.DataFrame, settings: CollectSettings) -> pd.DataFrame:
    """What the paper leaves open; questions about a universe are answered once for each."""
    of_universe = questions["key"].str.startswith("universe.")
    parts = []
    for mask, scopes in (
        (of_universe, settings.universes),
        (~of_universe, {"all": settings.study}),
    ):
        if mask.any():
            parts.append(answered(questions[mask], scopes))
    return pd.concat(parts, ignore_index=True)


def _path(run: Path, kind: str, job: CollectedJob, seed: int, suffix: str) -> Path:
    return run / kind / job.universe / f"seed{seed}" / job.attack / f"{job.reduction}{suffix}"
