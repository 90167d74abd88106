"""Stage topk_collect: the tidy tables of study 2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from advlearn.data.multilabel.store import MultiLabelData, MultiLabelInfo, load_multilabel
from advlearn.studies.topk.schema import SCHEMA, SHARES
from advlearn.studies.topk.settings.jobs import CollectedAttack, TopkCell, TopkCollectSettings
from advlearn.support.checksums import sha256_of_all
from advlearn.support.choices import choices_table
from advlearn.support.io import read_csv, read_npy, read_parquet, write_csv, write_json, write_npz
from advlearn.support.manifest import Manifest
from advlearn.support.provenance import versions
from advlearn.support.rows import incomplete, read_rows

MEANS = (
    "l2 l2_255 linf l2_pretanh delta_tkacc delta_p delta_map delta_ndcg iterations seconds removed"
).split()
TRANSFER_ROWS = 5
"""Rows of topk_transfer.csv for one method, source and target: success and the four measures."""


def topk_collect(
    *,
    files: Annotated[
        Manifest,
        typer.Option(
            parser=Manifest.parse,
            help="JSON, path patterns by model, job and seed: models, search, outcomes, cells,"
            " images, transfer",
        ),
    ],
    data: Annotated[Path, typer.Option(help="dataset.json of the multi-label data")],
    choices: Annotated[Path, typer.Option(help="CSV of what the paper leaves open")],
    settings: Annotated[
        TopkCollectSettings, typer.Option(parser=TopkCollectSettings.from_json, help="JSON")
    ],
    out: Annotated[Path, typer.Option(help="topk_metrics.csv to write, the others beside it")],
) -> None:
    """Gather metrics, outcomes an image, models, transfer and examples.

    Written are the files of ``advlearn.studies.topk.schema``, each table with the columns declared
    there, and the record of the run with their checksums.

    Raises:
        UserError: a file is missing or damaged, or lacks rows that the settings ask for.
    """
    multilabel = load_multilabel(data)
    info = multilabel.info
    metrics: list[dict[str, Any]] = []
    images: list[pd.DataFrame] = []
    for keys, n_eligible, outcomes in _outcomes(files, info, settings):
        metrics += [{**keys, **found, "n_eligible": n_eligible} for found in _summary(outcomes)]
        flags = {name: outcomes[name].astype(int) for name in SHARES.values()}
        columns = list(SCHEMA.tables["topk_images"].columns)
        images.append(outcomes.assign(**keys, **flags)[columns])
    models = [
        read_rows(files.path("models", model=model, seed=seed), 2 * (2 + info.n_classes))
        for model in settings.models
        for seed in settings.seeds
    ]
    # Every model's images and noise on every model.
    methods = len(_with_images(settings).cells) + 1
    wanted = len(settings.models) ** 2 * methods * TRANSFER_ROWS
    transfer = [
        read_rows(files.path("transfer", seed=seed), wanted).assign(dataset=info.name, seed=seed)
        for seed in settings.seeds
    ]
    steps = [
        read_rows(files.path("search", model=model, seed=seed), count)
        for model, count in settings.searched.items()
        for seed in settings.seeds
    ]
    search = SCHEMA.tables["topk_search"]
    tables = {
        "topk_search": pd.concat(steps) if steps else pd.DataFrame(columns=list(search.columns)),
        "topk_metrics": pd.DataFrame(metrics),
        "topk_images": pd.concat(images, ignore_index=True),
        "topk_models": pd.concat(models, ignore_index=True),
        "topk_transfer": pd.concat(transfer, ignore_index=True),
        "topk_choices": choices_table(read_csv(choices), {"all": settings.study["settings"]}),
    }
    for name, table in tables.items():
        write_csv(out.with_name(f"{name}.csv"), SCHEMA.tables[name].written(table))
    write_npz(out.with_name("topk_examples.npz"), _examples(files, multilabel, settings))
    checksums = sha256_of_all(out.with_name(name) for name in SCHEMA.files)
    write_json(out.with_name(SCHEMA.record), {**_study(info, settings), "files": checksums})


def _with_images(settings: TopkCollectSettings) -> CollectedAttack:
    """The attacks on the primary model whose images are kept."""
    return next(
        each
        for each in settings.attacks
        if each.model == settings.primary and each.job == "transfer"
    )


def _outcomes(
    files: Manifest, info: MultiLabelInfo, settings: TopkCollectSettings
) -> Iterator[tuple[dict[str, Any], int, pd.DataFrame]]:
    """Keys, number of eligible images and outcomes of every cell and seed."""
    for attack in settings.attacks:
        for seed in settings.seeds:
            job = {"model": attack.model, "job": attack.job, "seed": seed}
            path = files.path("outcomes", **job)
            outcomes = read_parquet(path)
            outcomes["l2_255"] = outcomes["l2"] * 255
            counts = read_rows(files.path("cells", **job), len(attack.cells))
            found = [int((outcomes["cell"] == number).sum()) for number in range(len(counts))]
            if found != counts["n"].tolist():
                raise incomplete(path, found, counts["n"].tolist())
            for number, cell in enumerate(attack.cells):
                keys = {
                    "dataset": info.name,
                    "model": attack.model,
                    "seed": seed,
                    "experiment": cell.experiment,
                    **_keys(cell, settings),
                }
                part = outcomes[outcomes["cell"] == number]
                yield keys, int(counts["n_eligible"].iloc[number]), part


def _keys(cell: TopkCell, settings: TopkCollectSettings) -> dict[str, Any]:
    return {
        "method": cell.attack.method,
        "preset": settings.preset,
        "scheme": cell.scheme,
        "labels": cell.labels,
        "n_specified": cell.n_specified,
        "k": cell.k,
        "surrogate": cell.attack.surrogate,
        "alpha": cell.attack.alpha,
        "knowledge": cell.knowledge,
        "hidden": cell.hidden,
    }


def _summary(outcomes: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Shares of all attacked images, and means over these and over the successes."""
    n = len(outcomes)
    for metric, column in SHARES.items():
        share = float(outcomes[column].mean()) if n else None
        yield {"over": "eligible", "metric": metric, "value": share, "std": None, "n": n}
    for over, part in (("eligible", outcomes), ("success", outcomes[outcomes["success"]])):
        for metric in MEANS:
            values = part[metric].astype(float)
            yield {
                "over": over,
                "metric": metric,
                "value": float(values.mean()) if len(part) else None,
                "std": float(values.std(ddof=1)) if len(part) > 1 else None,
                "n": len(part),
            }


def _examples(
    files: Manifest, multilabel: MultiLabelData, settings: TopkCollectSettings
) -> dict[str, np.ndarray]:
    """The first images that the first method fooled on the primary model and first seed."""
    test = multilabel.split("test")
    attack = _with_images(settings)
    job = {"model": attack.model, "job": attack.job, "seed": settings.seeds[0]}
    outcomes = read_parquet(files.path("outcomes", **job))
    outcomes = outcomes[outcomes["cell"] == 0]
    perturbed = read_npy(files.path("images", **job), mmap=True)
    # Failures are shown only where there are not enough successes.
    order = outcomes.sort_values("success", ascending=False, kind="stable").index
    rows = np.sort(order[: settings.examples].to_numpy())
    positions = outcomes["image"].to_numpy()[rows]

    def stacked(name: str) -> np.ndarray:
        width = multilabel.info.n_classes
        values = [np.asarray(outcomes[name].iloc[row]) for row in rows]
        return np.array(values).reshape(len(rows), width)

    return {
        "clean": test.images[positions],
        "adversarial": np.array(perturbed[rows]),
        "relevant": test.labels[positions],
        "specified": stacked("specified").astype(bool),
        "clean_logits": stacked("clean_logits"),
        "adversarial_logits": stacked("adversarial_logits"),
        "k": np.full(len(rows), attack.cells[0].k),
        "class_names": np.array(multilabel.info.class_names),
        "method": np.array([attack.cells[0].attack.method] * len(rows)),
    }


def _study(info: MultiLabelInfo, settings: TopkCollectSettings) -> dict[str, Any]:
    seldom = {"changed": info.changed, "shared": info.shared}
    return {
        "run": settings.run,
        "seeds": list(settings.seeds),
        "primary_model": settings.primary,
        "preset": settings.preset,
        "dataset": {
            "name": info.name,
            "shape": list(info.shape),
            "n_train": info.n_train,
            "n_validation": info.n_validation,
            "n_test": info.n_test,
            "found": dict(info.found),
            "skipped": dict(info.skipped),
            "cardinality": dict(info.cardinality),
            # Most data sets have none of these, and their records say nothing of them.
            **{name: dict(counts) for name, counts in seldom.items() if counts},
        },
        "class_names": list(info.class_names),
        "versions": versions(),
        **settings.study,
    }
