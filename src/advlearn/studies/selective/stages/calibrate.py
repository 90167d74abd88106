"""Stage calibrate: the paper's five baselines under each combination of its open choices."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import torch
import typer

from advlearn.data.splits import SplitName
from advlearn.data.store import load_info, load_split
from advlearn.learners.networks import build as build_network
from advlearn.settings.attack import AttackSettings, FgsmSettings, PgdSettings
from advlearn.settings.network import NetworkSettings, RetrainSettings
from advlearn.studies.selective.settings.calibrate import CalibrateSettings
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.codedigest import own_function_digest
from advlearn.support.determinism import configure_torch
from advlearn.support.io import write_csv
from advlearn.support.progress import Progress
from advlearn.support.seeds import derive_seed
from advlearn.training.calibration import (
    Answer,
    Baseline,
    Classifier,
    Conditions,
    LabelledImages,
    baselines,
    pretrain,
)


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
    torch_device = configure_torch(threads, device)
    own = [own_function_digest(model.name) for model in settings.models]
    checkpoint = Checkpoint(
        out, __name__, (settings, own, seed, threads, torch_device), (data.parent,)
    )
    train, held_out = (
        _load_labelled(data, "train", torch_device),
        _load_labelled(data, "validation", torch_device),
    )
    conditions = Conditions(train, held_out, settings.online_steps, seed, checkpoint)
    pairs = len(settings.models) * len(settings.epsilons) * (1 + len(settings.pgd_step_sizes))
    progress = Progress(f"calibrate seed {seed}", pairs, "model-attack pairs")
    retrainings = _retrainings(settings)
    attacks: list[AttackSettings] = []
    for epsilon in settings.epsilons:
        attacks += [FgsmSettings(epsilon=epsilon), *_pgds(settings, epsilon)]
    rows: list[dict[str, Any]] = []
    for number, model in enumerate(settings.models):
        classifier = _classifier(str(number), model, data, torch_device, settings, conditions)
        found: dict[AttackSettings, dict[Answer, Baseline]] = {}
        measured = baselines(classifier, attacks, retrainings, conditions)
        for attack, by_answer in zip(attacks, measured, strict=True):
            found[attack] = by_answer
            progress.advance()
        for epsilon in settings.epsilons:
            fgsm = found[FgsmSettings(epsilon=epsilon)]
            for pgd in _pgds(settings, epsilon):
                step_size = "2.5 epsilon / steps" if pgd.step_size is None else pgd.step_size
                universe = {"model": _describe(model), "epsilon": epsilon, "pgd_step": step_size}
                for answer, by_fgsm in fgsm.items():
                    quantities = _quantities(classifier.accuracy, by_fgsm, found[pgd][answer])
                    rows += [
                        {
                            **universe,
                            **answer._asdict(),
                            "seed": seed,
                            "quantity": quantity,
                            "value": value,
                        }
                        for quantity, value in quantities.items()
                    ]
    write_csv(out, pd.DataFrame(rows))
    checkpoint.finish()


def _pgds(settings: CalibrateSettings, epsilon: float) -> list[PgdSettings]:
    """PGD with each step size."""
    return [
        PgdSettings(
            epsilon=epsilon,
            steps=settings.pgd_steps,
            step_size=step_size,
            random_start=settings.pgd_random_start,
        )
        for step_size in settings.pgd_step_sizes
    ]


def _quantities(clean: float, by_fgsm: Baseline, by_pgd: Baseline) -> dict[str, float]:
    """The published baselines; the paper has one clean accuracy of adversarial training."""
    return {
        "classic_clean": clean,
        "classic_fgsm": by_fgsm.classic,
        "classic_pgd": by_pgd.classic,
        "at_clean": by_fgsm.clean,
        "at_fgsm": by_fgsm.adversarial,
        "at_pgd": by_pgd.adversarial,
    }


def _retrainings(settings: CalibrateSettings) -> list[RetrainSettings]:
    return [
        RetrainSettings(
            schedule=schedule,
            start=start,
            crafting=crafting,
            batch_size=settings.training.batch_size,
            learning_rate=settings.training.learning_rate,
            optimiser=settings.training.optimiser,
        )
        for schedule, start, crafting in product(
            settings.schedules, settings.starts, settings.craftings
        )
    ]


def _classifier(
    name: str,
    model: NetworkSettings,
    data: Path,
    torch_device: torch.device,
    settings: CalibrateSettings,
    conditions: Conditions,
) -> Classifier:
    """A classifier trained on clean images, with untrained weights for adversarial training."""
    info = load_info(data.parent)
    torch.manual_seed(derive_seed(conditions.seed, "pretrain", "weights"))
    network = build_network(model, info.shape, info.n_classes).to(torch_device)
    torch.manual_seed(derive_seed(conditions.seed, "retrain", "weights"))
    untrained = build_network(model, info.shape, info.n_classes).to(torch_device).state_dict()
    return pretrain(name, network, untrained, settings.training, conditions)


def _load_labelled(data: Path, split: SplitName, torch_device: torch.device) -> LabelledImages:
    part = load_split(data.parent, split)
    return LabelledImages(
        torch.from_numpy(part.images).to(torch_device),
        torch.from_numpy(part.labels).to(torch_device),
    )


def _describe(model: NetworkSettings) -> str:
    parts = [model.name]
    if model.name == "cnn":
        parts.append("-".join(str(width) for width in model.channels))
    if model.hidden:
        parts.append("-".join(str(width) for width in model.hidden))
    if model.dropout:
        parts.append(f"dropout {model.dropout:g}")
    return " ".join(parts)
