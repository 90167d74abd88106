"""Stage topk_transfer: what perturbed images do to classifiers they were not made for."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer
from torch import Tensor, nn

from advlearn.attacks.topk.variable import Variable
from advlearn.data.multilabel.store import MultiLabelSplit, load_multilabel
from advlearn.learners.networks.weights import load_network
from advlearn.metrics.accuracy import all_logits
from advlearn.metrics.ranking import MEASURES, measures, top_k_mask
from advlearn.studies.topk.settings.jobs import TopkTransferJob
from advlearn.support.checkpoint import Checkpoint, SavedState
from advlearn.support.determinism import configure
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_npy, read_parquet, write_csv
from advlearn.support.progress import Progress
from advlearn.support.seeds import derive_seed

NOISE = "noise"
"""The control: random perturbations, each as long as the attack's on the same image."""

_SUFFIXES = (".parquet", ".csv", ".npy")
COLUMNS = "source target method k n_specified metric value n".split()


def topk_transfer(
    *,
    data: Annotated[Path, typer.Option(help="dataset.json of the multi-label data")],
    run: Annotated[Path, typer.Option(help="folder of the run")],
    settings: Annotated[
        TopkTransferJob, typer.Option(parser=TopkTransferJob.from_json, help="JSON")
    ],
    seed: Annotated[int, typer.Option(help="run seed")],
    out: Annotated[Path, typer.Option(help="tidy .csv to write")],
    threads: Annotated[int, typer.Option(help="torch threads")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
) -> None:
    """Show each classifier the images that were perturbed for each of the others.

    Counted are the images of which the target, too, has a specified label in its clean top k: of
    the others nothing could be pushed out.
    """
    where = configure(threads, device)
    weights = {name: run / f"topk/models/{name}/seed{seed}.safetensors" for name in settings.models}
    stems = {name: run / f"topk/attacks/{name}/transfer/seed{seed}" for name in settings.models}
    made = (stem.with_suffix(suffix) for stem in stems.values() for suffix in _SUFFIXES)
    checkpoint = Checkpoint(
        out, __name__, (settings, seed, threads, where), (data.parent, *weights.values(), *made)
    )
    test = load_multilabel(data).split("test")
    networks = {name: load_network(path).to(where) for name, path in weights.items()}
    total = len(settings.models) * len(settings.methods)
    progress = Progress(f"topk_transfer seed {seed}", total, "attacks")
    rows: list[dict[str, Any]] = []
    for source, stem in stems.items():
        attacks = read_parquet(stem.with_suffix(".parquet"))
        images = read_npy(stem.with_suffix(".npy"), mmap=True)
        _check_complete(stem, attacks, images, settings)
        for cell, method in enumerate(settings.methods):
            shown = partial(
                _of_attack, networks, test, attacks, images, cell, settings, seed, source
            )
            rows += checkpoint.once(f"{source} {method}", shown)["rows"]
            progress.advance()
    write_csv(out, pd.DataFrame(rows, columns=COLUMNS))
    checkpoint.finish()


def _of_attack(
    networks: dict[str, nn.Module],
    test: MultiLabelSplit,
    attacks: pd.DataFrame,
    images: np.ndarray,
    cell: int,
    settings: TopkTransferJob,
    seed: int,
    source: str,
) -> SavedState:
    """Rows of one attack on one classifier, and of the control beside the first."""
    mine = (attacks["cell"] == cell).to_numpy()
    outcomes, perturbed = attacks[mine], np.array(images[mine])
    method = settings.methods[cell]
    rows = _rows(networks, test, outcomes, perturbed, settings, source, method)
    if cell == 0:
        noisy = _noise(test, outcomes, settings, seed)
        rows += _rows(networks, test, outcomes, noisy, settings, source, NOISE)
    return {"rows": rows}


def _check_complete(
    stem: Path, attacks: pd.DataFrame, images: np.ndarray, settings: TopkTransferJob
) -> None:
    counts = read_csv(stem.with_suffix(".csv"))["n"].tolist()
    found = [int((attacks["cell"] == cell).sum()) for cell in range(len(settings.methods))]
    if found != counts or len(images) != sum(counts):
        raise UserError(
            f"{stem.name} has outcomes of {found} and {len(images)} images, not of {counts}",
            where=str(stem.parent),
            remedy="delete the files of this name and run the workflow again: they are made anew",
        )


def _clean(test: MultiLabelSplit, positions: list[int], settings: TopkTransferJob) -> Tensor:
    """The images as the attack measures them: squashed where it begins at squashed images."""
    images = torch.from_numpy(test.images[positions])
    return Variable(settings.clean_map).clean(images)


def _noise(
    test: MultiLabelSplit, outcomes: pd.DataFrame, settings: TopkTransferJob, seed: int
) -> np.ndarray:
    """The same clean images with Gaussian noise of the attack's l2 length."""
    noisy = np.empty((len(outcomes), *test.images.shape[1:]), dtype=np.float32)
    for row, (position, length) in enumerate(zip(outcomes["image"], outcomes["l2"], strict=True)):
        clean = _clean(test, [int(position)], settings).numpy()[0]
        draw = np.random.default_rng(derive_seed(seed, "topk", "noise", test.names[position]))
        shift = draw.standard_normal(clean.shape)
        shift *= length / np.linalg.norm(shift)
        # Most pixels of a scene are black: noise that is clipped there would be a weaker control.
        moved = clean + shift
        moved = np.where((moved < 0) | (moved > 1), clean - shift, moved)
        noisy[row] = np.clip(moved, 0, 1)
    return noisy


def _rows(
    networks: dict[str, nn.Module],
    test: MultiLabelSplit,
    outcomes: pd.DataFrame,
    perturbed: np.ndarray,
    settings: TopkTransferJob,
    source: str,
    method: str,
) -> list[dict[str, Any]]:
    positions = [int(position) for position in outcomes["image"]]
    clean = _clean(test, positions, settings)
    relevant = torch.from_numpy(test.labels[positions])
    wanted = torch.from_numpy(_masks(outcomes["specified"], relevant))
    rows = []
    for target, network in networks.items():
        before = _logits(network, clean, relevant)
        after = _logits(network, torch.from_numpy(perturbed), relevant)
        there = (wanted & top_k_mask(before, settings.k)).any(1)
        gone = ~(wanted & top_k_mask(after, settings.k)).any(1)
        change = measures(after, relevant, settings.k) - measures(before, relevant, settings.k)
        n = int(there.sum())
        found = {"asr": gone.double()}
        found |= {f"delta_{name}": change[:, at] for at, name in enumerate(MEASURES)}
        for metric, values in found.items():
            rows.append(
                {
                    "source": source,
                    "target": target,
                    "method": method,
                    "k": settings.k,
                    "n_specified": settings.n_specified,
                    "metric": metric,
                    "value": float(values[there].mean()) if n else None,
                    "n": n,
                }
            )
    return rows


def _masks(column: pd.Series, like: Tensor) -> np.ndarray:
    return np.array(column.tolist(), dtype=bool).reshape(like.shape)


def _logits(network: nn.Module, images: Tensor, relevant: Tensor) -> Tensor:
    return (
        all_logits(network, images, batch_size=64) if len(images) else torch.zeros(relevant.shape)
    )
