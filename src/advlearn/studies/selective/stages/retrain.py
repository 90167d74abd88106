"""Stage retrain: one training for each distinct set of selected images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
import typer
from torch import Tensor, nn

from advlearn.attacks.stacked import solver_of
from advlearn.data.store import load_info, load_split
from advlearn.learners.networks import build as build_network
from advlearn.learners.networks.weights import load_networks, save_networks
from advlearn.settings.attack import OwnAttackSettings
from advlearn.settings.network import NetworkSettings
from advlearn.studies.selective.settings.jobs import RetrainJob
from advlearn.support.checkpoint import Checkpoint, SavedState
from advlearn.support.codedigest import own_function_digest
from advlearn.support.determinism import configure_torch
from advlearn.support.io import read_npy, read_npz, write_csv
from advlearn.support.progress import Progress
from advlearn.support.seeds import derive_seed
from advlearn.training.adversarial import (
    Craft,
    number_of_steps,
    online_attack,
    online_settings,
    pooled_steps,
)
from advlearn.training.adversarial import retrain as train
from advlearn.training.stack import at_once, pays, stacked_parts, train_stack
from advlearn.training.stack_batches import Member


def retrain(
    *,
    data: Annotated[Path, typer.Option(help="dataset.json of the prepared data")],
    weights: Annotated[Path, typer.Option(help="classifier.safetensors to start from")],
    adversarial: Annotated[Path, typer.Option(help="train.npy of the crafted images")],
    selection: Annotated[Path, typer.Option(help="cells of the select stage, .csv")],
    model: Annotated[
        NetworkSettings, typer.Option(parser=NetworkSettings.from_json, help="architecture, JSON")
    ],
    settings: Annotated[RetrainJob, typer.Option(parser=RetrainJob.from_json, help="JSON")],
    seed: Annotated[int, typer.Option(help="run seed")],
    out: Annotated[Path, typer.Option(help=".safetensors to write, a .csv beside it")],
    threads: Annotated[int, typer.Option(help="torch threads")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
) -> None:
    """Retrain the classifier once for every distinct set of selected images."""
    torch_device = configure_torch(threads, device)
    sets_file = selection.with_suffix(".npz")
    own = (own_function_digest(model.name), own_function_digest(settings.attack.name))
    parameters = (model, *own, settings, seed, threads, torch_device)
    inputs = (data.parent, weights, adversarial, sets_file)
    checkpoint = Checkpoint(out, __name__, parameters, inputs)
    info = load_info(data.parent)
    split = load_split(data.parent, "train")
    images = torch.from_numpy(split.images).to(torch_device)
    labels = torch.from_numpy(split.labels).to(torch_device)
    crafted = read_npy(adversarial, mmap=True)
    sets = read_npz(sets_file)
    network, starts = load_networks(weights)
    start = starts["classifier"]
    if settings.retrain.start == "scratch":
        torch.manual_seed(derive_seed(seed, "retrain", "weights"))
        start = build_network(model, info.shape, info.n_classes).state_dict()
    network.to(torch_device)
    attack = online_attack(settings.attack, settings.retrain.online_steps)
    progress = Progress(f"retrain {selection.stem} seed {seed}", len(sets), "models")
    parts: dict[str, SavedState] = {}
    online = settings.retrain.crafting == "online"
    alone = online and isinstance(settings.attack, OwnAttackSettings)
    if not alone and pays(torch_device, network, images[:2]):
        parts = _train_side_by_side(
            network, start, images, labels, crafted, sets, settings, seed, checkpoint
        )
    states: dict[str, dict[str, Tensor]] = {}
    rows = []
    for digest, chosen in sets.items():

        def model_of(chosen: np.ndarray = chosen) -> SavedState:
            loss = _train_one(
                network, start, images, labels, crafted, chosen, settings, seed, attack, checkpoint
            )
            return _kept(network.state_dict(), loss)

        part = parts.get(digest) or checkpoint.once(f"set {digest}", model_of)
        states[digest] = {
            key.removeprefix("state/"): torch.from_numpy(value)
            for key, value in part.items()
            if key != "loss"
        }
        rows.append(
            {
                "digest": digest,
                "n_selected": len(chosen),
                "loss": part["loss"],
                # Its cost, which is the same on every machine.
                "n_steps": number_of_steps(len(images), len(chosen), settings.retrain),
            }
        )
        progress.advance()
    columns = ["digest", "n_selected", "loss", "n_steps"]
    write_csv(out.with_suffix(".csv"), pd.DataFrame(rows, columns=columns))
    save_networks(out, states, model, info.shape, info.n_classes)
    checkpoint.finish()


def _train_side_by_side(
    network: nn.Module,
    start: dict[str, Tensor],
    images: Tensor,
    labels: Tensor,
    crafted: np.ndarray,
    sets: Mapping[str, np.ndarray],
    settings: RetrainJob,
    seed: int,
    checkpoint: Checkpoint,
) -> dict[str, SavedState]:
    """The models of all sets, some at a time side by side."""
    how, own_seed, n = settings.retrain, derive_seed(seed, "retrain"), len(images)
    attack = None
    if how.crafting == "online":
        attack = solver_of(online_settings(settings.attack, how.online_steps))
    else:
        images = torch.cat([images, torch.from_numpy(np.array(crafted)).to(images.device)])
        labels = labels.repeat(2)

    def member(digest: str) -> Member:
        chosen = torch.from_numpy(sets[digest].astype(np.int64))
        batches, last = pooled_steps(n, chosen, how, own_seed, n)
        rate = how.learning_rate
        return Member(start, batches, rate, last, how.optimiser, attack=attack, seed=own_seed)

    digests = list(sets)

    def trained(some: slice) -> list[SavedState]:
        members = [member(digest) for digest in digests[some]]
        found = train_stack(network, images, labels, members, own_seed, checkpoint)
        return [_kept(*model) for model in found]

    return stacked_parts("sets", digests, at_once(1), trained, checkpoint)


def _kept(state: Mapping[str, Tensor], loss: float) -> SavedState:
    values = {key: value.cpu().numpy().copy() for key, value in state.items()}
    return {"loss": loss, **{f"state/{key}": value for key, value in values.items()}}


def _train_one(
    network: nn.Module,
    start: dict[str, Tensor],
    images: Tensor,
    labels: Tensor,
    crafted: np.ndarray,
    chosen: np.ndarray,
    settings: RetrainJob,
    seed: int,
    attack: Craft,
    checkpoint: Checkpoint,
) -> float:
    network.load_state_dict(start)
    static = None
    if settings.retrain.crafting == "static":
        static = torch.from_numpy(crafted[chosen]).to(images.device)
    # The same seed for every cell: two cells that select the same images get the same model, and
    # differences between cells of one seed are paired.
    return train(
        network,
        images,
        labels,
        static,
        torch.from_numpy(chosen.astype(np.int64)).to(images.device),
        settings.retrain,
        derive_seed(seed, "retrain"),
        attack,
        checkpoint,
    )
