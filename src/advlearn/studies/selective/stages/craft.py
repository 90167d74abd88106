"""Stage craft: adversarial versions of every split, made against the pretrained classifier."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
import typer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from advlearn.attacks import Attack
from advlearn.attacks import build as build_attack
from advlearn.data.splits import SPLITS, SplitName
from advlearn.data.store import StoredSplit, open_split
from advlearn.deviations import margin
from advlearn.learners.batches import forward
from advlearn.learners.networks.weights import load_network, own_network_digest
from advlearn.metrics.accuracy import all_logits
from advlearn.studies.selective.settings.jobs import CraftJob
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.codedigest import own_function_digest
from advlearn.support.determinism import configure_torch
from advlearn.support.io import write_npy_blocks, write_parquet
from advlearn.support.progress import Progress
from advlearn.support.seeds import derive_seed


def craft(
    *,
    data: Annotated[Path, typer.Option(help="dataset.json of the prepared data")],
    weights: Annotated[Path, typer.Option(help="classifier.safetensors to attack")],
    settings: Annotated[CraftJob, typer.Option(parser=CraftJob.from_json, help="JSON")],
    seed: Annotated[int, typer.Option(help="run seed")],
    out: Annotated[Path, typer.Option(help="outcomes.parquet to write, images beside it")],
    threads: Annotated[int, typer.Option(help="torch threads")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
) -> None:
    """Craft adversarial images of each split against the pretrained classifier."""
    torch_device = configure_torch(threads, device)
    own = (own_network_digest(weights), own_function_digest(settings.attack.name))
    parameters = (settings, *own, seed, threads, torch_device)
    checkpoint = Checkpoint(out, __name__, parameters, (data.parent, weights))
    network = load_network(weights).to(torch_device)
    attack = build_attack(settings.attack)
    frames: list[pd.DataFrame] = []
    for split in SPLITS:
        source = open_split(data.parent, split)
        progress = Progress(f"craft {settings.attack.name} seed {seed}, {split}", 1, "splits")
        blocks = _crafted(attack, network, source, split, seed, torch_device, frames, checkpoint)
        write_npy_blocks(out.with_name(f"{split}.npy"), source.shape, np.float32, blocks)
        progress.advance()
    write_parquet(out, pd.concat(frames, ignore_index=True))
    checkpoint.finish()


def _crafted(
    attack: Attack,
    network: nn.Module,
    source: StoredSplit,
    split: SplitName,
    seed: int,
    torch_device: torch.device,
    frames: list[pd.DataFrame],
    checkpoint: Checkpoint,
) -> Iterator[np.ndarray]:
    """Adversarial images block by block; the outcomes of each block are added to ``frames``."""
    for rows in source.blocks():
        start = rows.start
        images = torch.from_numpy(source.images(rows))
        labels = torch.from_numpy(source.labels[rows])
        own_seed = derive_seed(seed, "craft", split, *([start] if start else []))

        def perturbed(
            images: Tensor = images, labels: Tensor = labels, seed: int = own_seed
        ) -> np.ndarray:
            found = attack.run(
                network, images.to(torch_device), labels.to(torch_device), seed, checkpoint
            )
            return found.cpu().numpy()

        made = torch.from_numpy(checkpoint.array(f"{split}-{start}", perturbed))
        logits = _logits(network, made)
        change = (made - images).flatten(1)
        frames.append(
            pd.DataFrame(
                {
                    "split": split,
                    "position": np.arange(start, start + len(labels)),
                    "label": labels.numpy(),
                    "clean_prediction": _logits(network, images).argmax(1).numpy(),
                    "adversarial_prediction": logits.argmax(1).numpy(),
                    "loss": cross_entropy(logits, labels, reduction="none").numpy(),
                    "margin": margin(logits, labels).numpy(),
                    "linf": change.abs().amax(1).numpy(),
                    "l2": change.norm(dim=1).numpy(),
                }
            )
        )
        yield made.numpy()


def _logits(network: nn.Module, images: Tensor) -> Tensor:
    return forward(network, images, partial(all_logits, network, images))
