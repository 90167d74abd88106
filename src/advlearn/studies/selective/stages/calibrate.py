"""Stage calibrate: the paper's five baselines under each combination of its open choices."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pandas as pd
import torch
import typer
from torch import Tensor, nn

from advlearn.attacks import build as build_attack
from advlearn.attacks.robustness import robust_verdicts
from advlearn.data.splits import SplitName
from advlearn.data.store import load_info, load_split
from advlearn.learners.networks import build
from advlearn.metrics.accuracy import correct
from advlearn.settings.attack import AttackSettings, FgsmSettings, PgdSettings
from advlearn.settings.network import NetworkSettings, RetrainSettings
from advlearn.studies.selective.settings.calibrate import CalibrateSettings
from advlearn.support.checkpoint import Checkpoint, SavedState
from advlearn.support.codedigest import external_digest
from advlearn.support.determinism import configure
from advlearn.support.io import write_csv
from advlearn.support.progress import Progress
from advlearn.support.seeds import derive_seed
from advlearn.training.adversarial import online_attack, retrain
from advlearn.training.clean import train_clean

Images = tuple[Tensor, Tensor]
CHOICES = ("schedule", "start", "crafting", "protocol")


class Baseline(NamedTuple):
    """Accuracies of one universe and attack: before, and after adversarial training."""

    classic: float
    clean: float
    adversarial: float


Baselines = dict[tuple[str, str, str, str], Baseline]
"""Baselines by schedule, start, crafting and protocol."""


def calibrate(
    *,
    data: Annotated[Path, typer.Option(help="dataset.json of the prepared data")],
    settings: Annotated[
        CalibrateSettings, typer.Option(parser=CalibrateSettings.from_json, help="JSON")
    ],
    seed: Annotated[int, typer.Option(help="run seed")],
    out: Annotated[Path, typer.Option(help="tidy .csv to write")],
    threads: Annotated[int, typer.Option(help="torch threads")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
) -> None:
    """Measure the published baselines under every combination of the paper's open choices.

    Accuracies are of the validation split: the universe that the study then uses is chosen
    without a look at the test images.
    """
    where = configure(threads, device)
    own = [external_digest(model.name) for model in settings.models]
    checkpoint = Checkpoint(out, __name__, (settings, own, seed, threads, where), (data.parent,))
    info = load_info(data.parent)
    train, held_out = _on(data, "train", where), _on(data, "validation", where)
    combinations = (
        len(settings.models) * len(settings.epsilons) * (1 + len(settings.pgd_step_sizes))
    )
    progress = Progress(f"calibrate seed {seed}", combinations, "model-attack pairs")
    rows: list[dict[str, Any]] = []
    for number, model in enumerate(settings.models):
        torch.manual_seed(derive_seed(seed, "pretrain", "weights"))
        network = build(model, info.shape, info.n_classes).to(where)
        torch.manual_seed(derive_seed(seed, "retrain", "weights"))
        untrained = build(model, info.shape, info.n_classes).to(where).state_dict()

        def trained(network: nn.Module = network) -> SavedState:
            own_seed = derive_seed(seed, "pretrain")
            train_clean(network, *train, settings.training, own_seed, checkpoint=checkpoint)
            state = network.state_dict()
            # Copies: the network itself is trained further.
            return {key: value.cpu().numpy().copy() for key, value in state.items()}

        weights = checkpoint.once(f"model {number}", trained)
        network.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
        network.eval()
        clean = float(correct(network, *held_out).mean())
        for epsilon in settings.epsilons:

            def measure(attack: AttackSettings) -> Baselines:
                found = _baselines(
                    network,  # noqa: B023 (called within the same turn of the loop)
                    untrained,  # noqa: B023
                    train,
                    held_out,
                    attack,
                    settings,
                    seed,
                    lambda name, make: checkpoint.once(f"{number} {attack} {name}", make),  # noqa: B023
                    checkpoint,
                )
                progress.advance()
                return found

            fgsm = measure(FgsmSettings(epsilon=epsilon))
            for step_size in settings.pgd_step_sizes:
                pgd = measure(
                    PgdSettings(
                        epsilon=epsilon,
                        steps=settings.pgd_steps,
                        step_size=step_size,
                        random_start=settings.pgd_random_start,
                    )
                )
                for key, by_fgsm in fgsm.items():
                    by_pgd = pgd[key]
                    universe = {
                        "model": _describe(model),
                        "epsilon": epsilon,
                        "pgd_step": "2.5 epsilon / steps" if step_size is None else step_size,
                        **dict(zip(CHOICES, key, strict=True)),
                    }
                    measured = {
                        "classic_clean": clean,
                        "classic_fgsm": by_fgsm.classic,
                        "classic_pgd": by_pgd.classic,
                        "at_clean": by_fgsm.clean,
                        "at_fgsm": by_fgsm.adversarial,
                        "at_pgd": by_pgd.adversarial,
                    }
                    rows += [
                        {**universe, "seed": seed, "quantity": quantity, "value": value}
                        for quantity, value in measured.items()
                    ]
    write_csv(out, pd.DataFrame(rows))
    checkpoint.finish()


def _baselines(
    network: nn.Module,
    untrained: dict[str, Tensor],
    train: Images,
    held_out: Images,
    attack: AttackSettings,
    settings: CalibrateSettings,
    seed: int,
    once: Callable[[str, Callable[[], SavedState]], SavedState],
    checkpoint: Checkpoint,
) -> Baselines:
    solver = build_attack(attack)
    pretrained = {key: value.clone() for key, value in network.state_dict().items()}
    evaluation_seed = derive_seed(seed, "evaluate", "validation")

    @cache
    def crafted() -> tuple[Tensor, Tensor]:
        """Images made for the pretrained network; none when all is known from before a kill."""
        network.load_state_dict(pretrained)
        return (
            solver.run(network, *train, derive_seed(seed, "craft", "train")),
            solver.run(network, *held_out, derive_seed(seed, "craft", "validation")),
        )

    def whitebox() -> float:
        result = robust_verdicts(network, *held_out, attack, evaluation_seed)
        return float(result.robust.float().mean())

    def robust() -> SavedState:
        transfer = float(correct(network, crafted()[1], held_out[1]).mean())
        return {"transfer": transfer, "whitebox": whitebox()}

    classic = once("classic", robust)
    everything = torch.arange(len(train[0]), device=train[0].device)
    found: Baselines = {}
    for schedule, start, crafting in product(
        settings.schedules, settings.starts, settings.craftings
    ):
        chosen = RetrainSettings(
            schedule=schedule,
            start=start,
            crafting=crafting,
            batch_size=settings.training.batch_size,
            learning_rate=settings.training.learning_rate,
            optimiser=settings.training.optimiser,
        )

        def retrained(chosen: RetrainSettings = chosen) -> SavedState:
            static, _ = crafted()
            network.load_state_dict(pretrained if chosen.start == "pretrained" else untrained)
            retrain(
                network,
                *train,
                static,
                everything,
                chosen,
                derive_seed(seed, "retrain"),
                online_attack(attack, settings.online_steps),
                checkpoint,
            )
            return {"clean": float(correct(network, *held_out).mean()), **robust()}

        after = once(f"{schedule} {start} {crafting}", retrained)
        for protocol in ("whitebox", "transfer"):
            key = (schedule, start, crafting, protocol)
            found[key] = Baseline(classic[protocol], after["clean"], after[protocol])
    network.load_state_dict(pretrained)
    return found


def _on(data: Path, split: SplitName, where: torch.device) -> Images:
    part = load_split(data.parent, split)
    return torch.from_numpy(part.images).to(where), torch.from_numpy(part.labels).to(where)


def _describe(model: NetworkSettings) -> str:
    parts = [model.name]
    if model.name == "cnn":
        parts.append("-".join(str(width) for width in model.channels))
    if model.hidden:
        parts.append("-".join(str(width) for width in model.hidden))
    if model.dropout:
        parts.append(f"dropout {model.dropout:g}")
    return " ".join(parts)
