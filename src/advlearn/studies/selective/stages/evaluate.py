"""Stage evaluate: clean and adversarial accuracy of every cell, per image and in the mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer
from torch import Tensor, nn

from advlearn.attacks.robustness import robust_verdicts
from advlearn.attacks.sanity import sanity_checks
from advlearn.attacks.stacked import stacked_correct
from advlearn.attacks.stacked_robustness import stacked_verdicts
from advlearn.data.splits import SplitName
from advlearn.data.store import StoredSplit, load_info, open_split
from advlearn.learners.batches import forward
from advlearn.learners.networks.stack import Stack, State
from advlearn.learners.networks.weights import load_network, load_networks, own_network_digest
from advlearn.metrics.accuracy import correct
from advlearn.settings.attack import FgsmSettings, OwnAttackSettings, PgdSettings
from advlearn.settings.cluster import NO_CLUSTERING
from advlearn.studies.selective.cell import read_cells
from advlearn.studies.selective.settings.jobs import EvaluateJob
from advlearn.support.checkpoint import Checkpoint, SavedState
from advlearn.support.codedigest import own_function_digest
from advlearn.support.determinism import configure_torch
from advlearn.support.io import read_npy, write_csv, write_npz
from advlearn.support.progress import Progress
from advlearn.support.seeds import derive_seed
from advlearn.training.stack import at_once, pays, stacked_parts

SPLITS: tuple[SplitName, ...] = ("validation", "test")
Verdicts = dict[tuple[str, str], np.ndarray]
"""(split, protocol or 'clean') -> bool (n,), whether each image is classified rightly."""


@dataclass(frozen=True)
class _EvaluatedSplit:
    """A split on disk, the images crafted from it, and how many of them are evaluated (or all)."""

    clean: StoredSplit
    crafted: np.ndarray
    count: int | None

    @property
    def pixels_at_once(self) -> int:
        """Numbers in the images of the largest block."""
        rows = next(self.clean.blocks(self.count))
        return len(range(rows.start, rows.stop)) * prod(self.clean.shape[1:])

    def read(self, rows: slice) -> tuple[Tensor, Tensor, Tensor]:
        """Clean and crafted images, and labels."""
        return (
            torch.from_numpy(self.clean.images(rows)),
            torch.from_numpy(np.array(self.crafted[rows])),
            torch.from_numpy(self.clean.labels[rows]),
        )


def evaluate(
    *,
    data: Annotated[Path, typer.Option(help="dataset.json of the prepared data")],
    weights: Annotated[Path, typer.Option(help="classifier.safetensors before retraining")],
    adversarial: Annotated[Path, typer.Option(help="outcomes.parquet of the craft stage")],
    selection: Annotated[Path, typer.Option(help="cells of the select stage, .csv")],
    retrained: Annotated[Path, typer.Option(help=".safetensors of the retrain stage")],
    settings: Annotated[EvaluateJob, typer.Option(parser=EvaluateJob.from_json, help="JSON")],
    universe: Annotated[str, typer.Option(help="name for the tidy rows")],
    attack: Annotated[str, typer.Option(help="name for the tidy rows")],
    reduction: Annotated[str, typer.Option(help="name for the tidy rows")],
    seed: Annotated[int, typer.Option(help="run seed")],
    out: Annotated[Path, typer.Option(help="tidy .csv to write, per-image .npz beside it")],
    threads: Annotated[int, typer.Option(help="torch threads")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
) -> None:
    """Measure clean and adversarial accuracy of every retrained model, on validation and test."""
    torch_device = configure_torch(threads, device)
    own = (own_network_digest(weights), own_function_digest(settings.attack.name))
    checkpoint = Checkpoint(
        out,
        __name__,
        (settings, *own, seed, threads, torch_device),
        (data.parent, weights, adversarial.parent, selection, retrained),
    )
    info = load_info(data.parent)
    splits = {name: _split(data, adversarial, name, settings) for name in SPLITS}
    cells = read_cells(selection)
    classic = load_network(weights).to(torch_device)
    network, states = load_networks(retrained)
    network.to(torch_device).eval()
    wanted = list(dict.fromkeys(cells["digest"]))
    progress = Progress(f"evaluate {attack} {reduction} seed {seed}", len(wanted), "models")
    ahead: dict[str, Verdicts] = {}
    alone = isinstance(settings.attack, OwnAttackSettings)
    if not alone and pays(torch_device, network, splits["test"].read(slice(2))[0]):
        every_state = {**states, "classic": classic.state_dict()}
        models = {digest: every_state[digest] for digest in wanted}
        ahead = _side_by_side(network, models, splits, settings, seed, checkpoint)
    verdicts: dict[str, Verdicts] = {}
    checks: list[dict[str, Any]] = []
    for digest in wanted:

        def judged(digest: str = digest) -> SavedState:
            model = classic
            if digest != "classic":
                network.load_state_dict(states[digest])
                model = network
            found = ahead.get(digest) or _verdicts(model, splits, settings, seed)[0]
            clean, _, labels = splits["test"].read(slice(settings.evaluation.sanity_images))
            name = _sanity_name(cells, digest)
            rows = _sanity(model, clean, labels, settings, seed) if name else []
            return {
                "checks": [{"model": name, **row} for row in rows],
                **{f"{split}/{protocol}": bits for (split, protocol), bits in found.items()},
            }

        part = checkpoint.once(digest, judged)
        checks += part["checks"]
        verdicts[digest] = _by_key({key: bits for key, bits in part.items() if key != "checks"})
        progress.advance()
    keys = {
        "dataset": info.name,
        "universe": universe,
        "seed": seed,
        "attack": attack,
        "reduction": reduction,
    }
    rows = [
        {**keys, **cell, **measured}
        for cell in cells.to_dict(orient="records")
        for measured in _measures(verdicts[cell["digest"]], settings)
    ]
    write_npz(
        out.with_suffix(".npz"),
        {
            f"{digest}/{split}/{protocol}": np.packbits(bits)
            for digest, found in verdicts.items()
            for (split, protocol), bits in found.items()
        },
    )
    sanity_columns = [*keys, "model", "check", "expected", "value", "passed"]
    write_csv(
        out.with_name(f"{out.stem}.sanity.csv"),
        pd.DataFrame([{**keys, **check} for check in checks], columns=sanity_columns),
    )
    write_csv(out, pd.DataFrame(rows))
    checkpoint.finish()


def _split(
    data: Path, adversarial: Path, name: SplitName, settings: EvaluateJob
) -> _EvaluatedSplit:
    clean = open_split(data.parent, name)
    crafted = read_npy(adversarial.with_name(f"{name}.npy"), mmap=True)
    wanted = settings.evaluation.validation_images if name == "validation" else None
    return _EvaluatedSplit(clean, crafted, wanted)


def _side_by_side(
    network: nn.Module,
    models: Mapping[str, State],
    splits: dict[SplitName, _EvaluatedSplit],
    settings: EvaluateJob,
    seed: int,
    checkpoint: Checkpoint,
) -> dict[str, Verdicts]:
    """The verdicts of all models, by name, some at a time side by side."""
    device, names = next(network.parameters()).device, list(models)

    def judged(some: slice) -> list[SavedState]:
        states = [{k: v.to(device) for k, v in models[name].items()} for name in names[some]]
        found = _verdicts(Stack(network, states).eval(), splits, settings, seed)
        return [{"/".join(key): bits for key, bits in verdicts.items()} for verdicts in found]

    size = at_once(max(split.pixels_at_once for split in splits.values()))
    parts = stacked_parts("models", names, size, judged, checkpoint)
    return {name: _by_key(part) for name, part in parts.items()}


def _by_key(part: SavedState) -> Verdicts:
    return {tuple(key.split("/")): bits for key, bits in part.items()}  # type: ignore[misc]


def _verdicts(
    models: nn.Module, splits: dict[SplitName, _EvaluatedSplit], settings: EvaluateJob, seed: int
) -> list[Verdicts]:
    """The verdicts of one model, or of each model of a stack."""
    found: dict[tuple[str, str], list[np.ndarray]] = defaultdict(list)
    torch_device = next(models.parameters()).device
    for name, split in splits.items():
        for rows in split.clean.blocks(split.count):
            clean, crafted, labels = split.read(rows)
            right = _correct(models, clean, labels)
            found[name, "clean"].append(right)
            if "transfer" in settings.evaluation.protocols:
                found[name, "transfer"].append(_correct(models, crafted, labels))
            if "whitebox" in settings.evaluation.protocols:
                # The same random starts for every model: differences between cells are paired.
                own_seed = derive_seed(
                    seed, "evaluate", name, *([rows.start] if rows.start else [])
                )
                robust = _robust(
                    models,
                    clean.to(torch_device),
                    labels.to(torch_device),
                    settings.attack,
                    own_seed,
                    torch.from_numpy(right).to(torch_device),
                )
                found[name, "whitebox"].append(robust)
    whole = {key: np.concatenate(parts, axis=1) for key, parts in found.items()}
    m = len(models) if isinstance(models, Stack) else 1
    return [{key: bits[i] for key, bits in whole.items()} for i in range(m)]


def _correct(models: nn.Module, images: Tensor, labels: Tensor) -> np.ndarray:
    """Bool (models, n)."""
    if isinstance(models, Stack):
        return stacked_correct(models, images[None], labels)
    return forward(models, images, partial(correct, models, images, labels))[None]


def _robust(
    models: nn.Module,
    images: Tensor,
    labels: Tensor,
    attack: FgsmSettings | PgdSettings,
    seed: int,
    clean: Tensor,
) -> np.ndarray:
    """Bool (models, n); ``clean`` is what :func:`_correct` found for the same images."""
    if isinstance(models, Stack):
        attacks = [attack] * len(models)
        found = stacked_verdicts(models, images, labels, attacks, seed, clean=clean)
    else:
        found = [robust_verdicts(models, images, labels, attack, seed, clean=clean[0])]
    return np.stack([each.robust.cpu().numpy() for each in found])


def _measures(found: Verdicts, settings: EvaluateJob) -> list[dict[str, Any]]:
    rows = []
    for split in SPLITS:
        clean = float(found[split, "clean"].mean())
        for protocol in settings.evaluation.protocols:
            adversarial = float(found[split, protocol].mean())
            for metric, value in (
                ("clean_accuracy", clean),
                ("adversarial_accuracy", adversarial),
                ("average_accuracy", (clean + adversarial) / 2),
            ):
                rows.append(
                    {
                        "protocol": protocol,
                        "split": split,
                        "n_images": len(found[split, "clean"]),
                        "metric": metric,
                        "value": value,
                    }
                )
    return rows


def _sanity_name(cells: pd.DataFrame, digest: str) -> str | None:
    single = cells[(cells["clusterer"] == NO_CLUSTERING) & (cells["digest"] == digest)]
    names = [rule for rule in ("classic", "all") if rule in set(single["rule"])]
    return names[0] if names else None


def _sanity(
    model: nn.Module, images: Tensor, labels: Tensor, settings: EvaluateJob, seed: int
) -> list[dict[str, Any]]:
    torch_device = next(model.parameters()).device
    found = sanity_checks(
        model,
        images.to(torch_device),
        labels.to(torch_device),
        settings.attack,
        derive_seed(seed, "sanity"),
    )
    return [
        {
            "check": check.check,
            "expected": check.expected,
            "value": check.value,
            "passed": int(check.passed),
        }
        for check in found
    ]
