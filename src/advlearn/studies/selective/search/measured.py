"""One universe measured: the shares of validation images that stand beside the published ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from advlearn.attacks import build as build_attack
from advlearn.attacks.robustness import robust_verdicts
from advlearn.data.splits import SplitName
from advlearn.data.store import load_info, open_split
from advlearn.learners.batches import forward
from advlearn.learners.networks import build as build_network
from advlearn.metrics.accuracy import correct
from advlearn.settings.attack import AttackSettings
from advlearn.settings.network import RetrainSettings
from advlearn.studies.selective.search.questions import FAILED, MEASURED_TO_THE_END, STOPPED
from advlearn.studies.selective.settings.universe import UniverseSettings
from advlearn.support.finite import NotFiniteError
from advlearn.support.seeds import derive_seed
from advlearn.training.adversarial import online_attack, pooled_steps, retrain
from advlearn.training.clean import train_clean
from advlearn.training.fit import Diverged

Shares = dict[str, float]
"""Measured shares by column of the tidy table."""


class LabelledImages(NamedTuple):
    """Images (n, c, h, w) in [0, 1] and their class numbers (n,)."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Data:
    """What universes are trained and measured on.

    Attributes:
        train: training images.
        validation: images that accuracies are measured on.
        n_classes: number of classes.
    """

    train: LabelledImages
    validation: LabelledImages
    n_classes: int


class Outcome(NamedTuple):
    """What became of a universe: its status, and the shares measured until then."""

    status: str
    shares: Shares


def load_data(data: Path, validation: int | None, device: torch.device) -> Data:
    """All training images, and validation images.

    Args:
        data: ``dataset.json`` of the prepared data.
        validation: the first so many validation images; None: all, as where there are fewer.
        device: where they are put.
    """

    def labelled(split: SplitName, count: int | None) -> LabelledImages:
        stored = open_split(data, split)
        rows = slice(0, count)
        return LabelledImages(
            torch.from_numpy(stored.images(rows)).to(device),
            torch.from_numpy(stored.labels[rows]).to(device),
        )

    n_classes = load_info(data).n_classes
    return Data(labelled("train", None), labelled("validation", validation), n_classes)


def measure(
    universe: UniverseSettings,
    data: Data,
    seed: int,
    hopeless: Callable[[Shares], bool],
    most_epochs: int | None = None,
    hopeless_early: Callable[[float], bool] | None = None,
) -> Outcome:
    """Measure a universe from the cheapest share to the dearest.

    The seeds are those of the stages pretrain, craft, retrain and evaluate: on the same images the
    numbers are those of the study's cell that is retrained with all adversarial images. Those of
    classic training under attack are white-box for both protocols: an image counts if it is right
    before the attack and not fooled. The study's transfer accuracy counts crafted images that are
    classified rightly, which are more where an attack uses predicted labels.

    Args:
        universe: model, training, attacks fgsm and pgd, retraining.
        data: images.
        seed: seed of the run.
        hopeless: asked after each measurement; where it says yes, the others are left out.
        most_epochs: clean training ends after so many epochs, if it lasts longer.
        hopeless_early: asked after the first epoch of clean training, if there are more, with the
            share under FGSM; where it says yes, nothing is measured.
    """
    shares: Shares = {}
    if most_epochs is not None:
        epochs = min(universe.training.epochs, most_epochs)
        training = universe.training.model_copy(update={"epochs": epochs})
        universe = universe.model_copy(update={"training": training})
    try:
        for found in _measurements(universe, data, seed, hopeless_early):
            shares |= found
            if hopeless(shares):
                return Outcome(STOPPED, shares)
    except _LeftEarly:
        return Outcome(STOPPED, shares)
    except (Diverged, NotFiniteError):
        return Outcome(FAILED, shares)
    return Outcome(MEASURED_TO_THE_END, shares)


class _LeftEarly(Exception):
    """Ends a clean training."""


def _measurements(
    universe: UniverseSettings,
    data: Data,
    seed: int,
    hopeless_early: Callable[[float], bool] | None,
) -> Iterator[Shares]:
    images, labels = data.validation
    network = _untrained(universe, data, derive_seed(seed, "pretrain", "weights"))

    def after_epoch(epoch: int, loss: float) -> None:
        if hopeless_early is None or epoch > 1 or universe.training.epochs == 1:
            return
        network.eval()
        attack = universe.attacks["fgsm"]
        robust = robust_verdicts(network, images, labels, attack, derive_seed(seed, "early")).robust
        if hopeless_early(float(robust.double().mean())):
            raise _LeftEarly

    train_clean(
        network,
        *data.train,
        universe.training,
        derive_seed(seed, "pretrain"),
        after_epoch,
        held_out=data.validation,
    )
    clean = _verdicts(network, images, labels)
    yield {"classic_clean": float(clean.mean())}
    known = torch.from_numpy(clean).to(labels.device)
    own_seed = derive_seed(seed, "evaluate", "validation")
    for name, attack in universe.attacks.items():
        robust = robust_verdicts(network, images, labels, attack, own_seed, clean=known).robust
        yield {f"classic_{name}": float(robust.double().mean())}
    pretrained = {key: value.clone() for key, value in network.state_dict().items()}
    start: Mapping[str, Tensor] = pretrained
    if universe.retrain.start == "scratch":
        start = _untrained(universe, data, derive_seed(seed, "retrain", "weights")).state_dict()
    how = universe.retrain
    for name, attack in universe.attacks.items():
        network.load_state_dict(pretrained)
        transferred = build_attack(attack).run(
            network, images, labels, derive_seed(seed, "craft", "validation")
        )
        static = _crafted(network, data.train, attack, how, seed)
        network.load_state_dict(start)
        retrain(
            network,
            *data.train,
            static,
            torch.arange(len(data.train.images), device=labels.device),
            how,
            derive_seed(seed, "retrain"),
            online_attack(attack, how.online_steps),
        )
        clean = _verdicts(network, images, labels)
        known = torch.from_numpy(clean).to(labels.device)
        found = {} if name != "fgsm" else {"at_clean": float(clean.mean())}
        found[f"at_{name}_transfer"] = float(_verdicts(network, transferred, labels).mean())
        robust = robust_verdicts(network, images, labels, attack, own_seed, clean=known).robust
        found[f"at_{name}_whitebox"] = float(robust.double().mean())
        yield found


def _untrained(universe: UniverseSettings, data: Data, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    channels, height, width = data.train.images.shape[1:]
    network = build_network(universe.model, (channels, height, width), data.n_classes)
    return network.to(data.train.images.device)


def _crafted(
    network: nn.Module,
    train: LabelledImages,
    attack: AttackSettings,
    how: RetrainSettings,
    seed: int,
) -> Tensor | None:
    """Adversarial versions of those training images that the retraining uses; the others are NaN.

    Thirty steps of 128 images use 3,840 of 55,000.
    """
    if how.crafting == "online":
        return None
    images, labels = train
    n = len(images)
    batches, _ = pooled_steps(n, torch.arange(n), how, derive_seed(seed, "retrain"), n)
    places = torch.cat(batches)
    used = (places[places >= n] - n).unique().to(images.device)
    solver = build_attack(attack)
    made = solver.run(network, images[used], labels[used], derive_seed(seed, "craft", "train"))
    adversarial = torch.full_like(images, float("nan"))
    adversarial[used] = made
    return adversarial


def _verdicts(network: nn.Module, images: Tensor, labels: Tensor) -> np.ndarray:
    return forward(network, images, partial(correct, network, images, labels))
