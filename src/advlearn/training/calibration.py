"""A classifier before and after adversarial training, under several answers to how it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from advlearn.attacks import build as build_attack
from advlearn.attacks.robustness import robust_verdicts
from advlearn.learners.batches import forward
from advlearn.metrics.accuracy import correct
from advlearn.settings.attack import AttackSettings
from advlearn.settings.network import RetrainSettings, TrainingSettings
from advlearn.support.checkpoint import Checkpoint, SavedState
from advlearn.support.seeds import derive_seed
from advlearn.training.adversarial import online_attack, retrain
from advlearn.training.clean import train_clean

PROTOCOLS = ("whitebox", "transfer")
"""The attack is made against the model itself, or against the one before adversarial training."""


class LabelledImages(NamedTuple):
    """Images (n, c, h, w) in [0, 1] and their class numbers (n,)."""

    images: Tensor
    labels: Tensor


class Baseline(NamedTuple):
    """Shares of the held-out images that are classified rightly, in [0, 1].

    Attributes:
        classic: under the attack, before adversarial training.
        clean: without attack, after it.
        adversarial: under the attack, after it.
    """

    classic: float
    clean: float
    adversarial: float


class Answer(NamedTuple):
    """How adversarial training is done, and how its robustness is measured."""

    schedule: str
    start: str
    crafting: str
    protocol: str


@dataclass(frozen=True)
class Conditions:
    """What all baselines of a calibration share.

    Attributes:
        train: images to train on.
        held_out: images to measure on.
        online_steps: steps of an attack that is crafted at each step of training.
        seed: seed of the run.
        checkpoint: progress of the job.
    """

    train: LabelledImages
    held_out: LabelledImages
    online_steps: int
    seed: int
    checkpoint: Checkpoint


@dataclass(frozen=True)
class Classifier:
    """A network with the weights that adversarial training can start from.

    Attributes:
        name: begins the names of its parts of the progress.
        network: the network, at its pretrained weights between calls.
        pretrained: weights after training on clean images.
        untrained: weights before any training.
        accuracy: share of the held-out images that it classifies rightly once pretrained.
    """

    name: str
    network: nn.Module
    pretrained: Mapping[str, Tensor]
    untrained: Mapping[str, Tensor]
    accuracy: float


def pretrain(
    name: str,
    network: nn.Module,
    untrained: Mapping[str, Tensor],
    settings: TrainingSettings,
    conditions: Conditions,
) -> Classifier:
    """Train a network on clean images, in place.

    Args:
        name: name of the classifier, one of its own.
        network: the network at its first weights.
        untrained: weights from which adversarial training from scratch starts.
        settings: how it is trained.
        conditions: images, seed and progress.
    """

    def trained() -> SavedState:
        seed = derive_seed(conditions.seed, "pretrain")
        checkpoint = conditions.checkpoint
        train_clean(network, *conditions.train, settings, seed, checkpoint=checkpoint)
        # Copies: the network itself is trained further.
        return {key: value.cpu().numpy().copy() for key, value in network.state_dict().items()}

    weights = conditions.checkpoint.once(f"model {name}", trained)
    network.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
    network.eval()
    pretrained = {key: value.clone() for key, value in network.state_dict().items()}
    accuracy = _accuracy(network, *conditions.held_out)
    return Classifier(name, network, pretrained, untrained, accuracy)


def baselines(
    classifier: Classifier,
    attack: AttackSettings,
    retrainings: Iterable[RetrainSettings],
    conditions: Conditions,
) -> dict[Answer, Baseline]:
    """Measure a classifier under one attack before and after each way of adversarial training.

    Args:
        classifier: trained on clean images by `pretrain`.
        attack: crafts the images of training and measures robustness.
        retrainings: ways of adversarial training; all training images are used.
        conditions: images, seed and progress.

    Returns:
        One baseline a retraining and protocol.
    """
    measurement = _Measurement(classifier, attack, conditions)
    classic = measurement.once("classic", measurement.robustness)
    found = {}
    for how in retrainings:
        named = (how.schedule, how.start, how.crafting)
        after = measurement.once(" ".join(named), partial(measurement.retrained, how))
        for protocol in PROTOCOLS:
            baseline = Baseline(classic[protocol], after["clean"], after[protocol])
            found[Answer(*named, protocol)] = baseline
    classifier.network.load_state_dict(classifier.pretrained)
    return found


class _Measurement:
    """One classifier under one attack."""

    def __init__(
        self, classifier: Classifier, attack: AttackSettings, conditions: Conditions
    ) -> None:
        self.classifier, self.attack, self.conditions = classifier, attack, conditions
        self.network = classifier.network

    def once(self, name: str, make: Callable[[], SavedState]) -> SavedState:
        """A part of the progress of the job, made if it is not there."""
        return self.conditions.checkpoint.once(f"{self.classifier.name} {self.attack} {name}", make)

    @cached_property
    def crafted(self) -> tuple[Tensor, Tensor]:
        """Training and held-out images made for the pretrained network.

        They are made when they are first used: not at all when a killed job has measured all.
        """
        self.network.load_state_dict(self.classifier.pretrained)
        solver, seed = build_attack(self.attack), self.conditions.seed
        return (
            solver.run(self.network, *self.conditions.train, derive_seed(seed, "craft", "train")),
            solver.run(
                self.network, *self.conditions.held_out, derive_seed(seed, "craft", "validation")
            ),
        )

    def robustness(self) -> SavedState:
        """Share of the held-out images that withstand the attack, by protocol."""
        images, labels = self.conditions.held_out
        transfer = _accuracy(self.network, self.crafted[1], labels)
        seed = derive_seed(self.conditions.seed, "evaluate", "validation")
        result = robust_verdicts(self.network, images, labels, self.attack, seed)
        return {"transfer": transfer, "whitebox": float(result.robust.float().mean())}

    def retrained(self, how: RetrainSettings) -> SavedState:
        """The same after adversarial training, and the share without attack."""
        static, start = self.crafted[0], self.classifier.untrained
        if how.start == "pretrained":
            start = self.classifier.pretrained
        self.network.load_state_dict(start)
        train = self.conditions.train
        retrain(
            self.network,
            *train,
            static,
            torch.arange(len(train.images), device=train.images.device),
            how,
            derive_seed(self.conditions.seed, "retrain"),
            online_attack(self.attack, self.conditions.online_steps),
            self.conditions.checkpoint,
        )
        clean = _accuracy(self.network, *self.conditions.held_out)
        return {"clean": clean, **self.robustness()}


def _accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    return float(forward(network, images, partial(correct, network, images, labels)).mean())
