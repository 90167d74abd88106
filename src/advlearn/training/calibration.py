"""A classifier before and after adversarial training, under several answers to how it is done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from advlearn.attacks import build as build_attack
from advlearn.attacks.ascent import ProjectedAscent
from advlearn.attacks.robustness import robust_verdicts
from advlearn.attacks.stacked import solver_of, stacked_correct
from advlearn.attacks.stacked_robustness import stacked_verdicts
from advlearn.learners.batches import forward
from advlearn.learners.networks.stack import Stack
from advlearn.metrics.accuracy import correct
from advlearn.settings.attack import AttackSettings
from advlearn.settings.network import RetrainSettings, TrainingSettings
from advlearn.support.checkpoint import Checkpoint, SavedState
from advlearn.support.seeds import derive_seed
from advlearn.training.adversarial import (
    online_attack,
    online_settings,
    pooled_steps,
    retrain,
)
from advlearn.training.clean import train_clean
from advlearn.training.stack import at_once, pays, stacked_parts, train_stack
from advlearn.training.stack_batches import Member

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
        train_clean(
            network,
            *conditions.train,
            settings,
            seed,
            checkpoint=checkpoint,
            held_out=conditions.held_out,
        )
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
    attacks: Sequence[AttackSettings],
    retrainings: Sequence[RetrainSettings],
    conditions: Conditions,
) -> Iterator[dict[Answer, Baseline]]:
    """Measure a classifier under each attack before and after each way of adversarial training.

    Where it pays, all trainings under all attacks are made side by side.

    Args:
        classifier: trained on clean images by `pretrain`.
        attacks: craft the images of training and measure robustness.
        retrainings: ways of adversarial training; all training images are used.
        conditions: images, seed and progress.

    Yields:
        For each attack one baseline a retraining and protocol.
    """
    # Made one after the other: each keeps the images that it has crafted.
    measurements: Iterable[_Measurement] = (
        _Measurement(classifier, attack, conditions) for attack in attacks
    )
    ahead: dict[str, SavedState] = {}
    images = conditions.train.images
    if pays(images.device, classifier.network, images[:2]):
        measurements = list(measurements)
        ahead = _side_by_side(measurements, retrainings)
    for measurement in measurements:
        classic = measurement.once("classic", measurement.robustness)
        found = {}
        for how in retrainings:
            named = _named(how)
            name = " ".join(named)
            after = ahead.get(measurement.part(name)) or measurement.once(
                name, partial(measurement.retrained, how)
            )
            for protocol in PROTOCOLS:
                baseline = Baseline(classic[protocol], after["clean"], after[protocol])
                found[Answer(*named, protocol)] = baseline
        classifier.network.load_state_dict(classifier.pretrained)
        yield found


class _Measurement:
    """One classifier under one attack."""

    def __init__(
        self, classifier: Classifier, attack: AttackSettings, conditions: Conditions
    ) -> None:
        self.classifier, self.attack, self.conditions = classifier, attack, conditions
        self.network = classifier.network

    def once(self, name: str, make: Callable[[], SavedState]) -> SavedState:
        """A part of the progress of the job, made if it is not there."""
        return self.conditions.checkpoint.once(self.part(name), make)

    def part(self, name: str) -> str:
        """Name of a part of the progress."""
        return f"{self.classifier.name} {self.attack} {name}"

    def start(self, how: RetrainSettings) -> Mapping[str, Tensor]:
        """Weights from which adversarial training starts."""
        pretrained = how.start == "pretrained"
        return self.classifier.pretrained if pretrained else self.classifier.untrained

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
        static = self.crafted[0]
        self.network.load_state_dict(self.start(how))
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


def _named(how: RetrainSettings) -> tuple[str, str, str]:
    return how.schedule, how.start, how.crafting


def _side_by_side(
    measurements: Sequence[_Measurement], retrainings: Sequence[RetrainSettings]
) -> dict[str, SavedState]:
    """The parts of all retrainings under all attacks, as many at a time as there is room for."""
    first = measurements[0]
    groups: dict[int, list[_Retraining]] = defaultdict(list)
    for measurement in measurements:
        for how in retrainings:
            attack = None
            if how.crafting == "online":
                steps = first.conditions.online_steps
                attack = solver_of(online_settings(measurement.attack, steps))
            # Apart by the steps of crafting: side by side each would take as long as the longest.
            groups[attack.steps if attack else 0].append(_Retraining(measurement, how, attack))
    # Each member keeps two sets of held-out images: those of the transfer and of the verdicts.
    size = at_once(2 * first.conditions.held_out.images.numel())
    parts: dict[str, SavedState] = {}
    for steps, group in groups.items():

        def retrained(some: slice, group: list[_Retraining] = group) -> list[SavedState]:
            return _retrained(group[some])

        parts |= stacked_parts(
            f"{first.classifier.name} crafting {steps} steps",
            [each.measurement.part(" ".join(_named(each.how))) for each in group],
            size,
            retrained,
            first.conditions.checkpoint,
        )
    return parts


class _Retraining(NamedTuple):
    """One retraining under one attack, and the attack by which it crafts at each step."""

    measurement: _Measurement
    how: RetrainSettings
    online: ProjectedAscent | None


def _retrained(some: Sequence[_Retraining]) -> list[SavedState]:
    """What :meth:`_Measurement.retrained` finds for each of ``some``, trained side by side."""
    classifier, conditions = some[0].measurement.classifier, some[0].measurement.conditions
    images, labels = conditions.train
    n, seed = len(images), derive_seed(conditions.seed, "retrain")
    static = dict.fromkeys(each.measurement for each in some if each.online is None)
    places = {measurement: n * number for number, measurement in enumerate(static, start=1)}
    pool = torch.cat([images, *(measurement.crafted[0] for measurement in static)])
    members = []
    for measurement, how, online in some:
        begin = len(pool) if online else places[measurement]
        batches, last = pooled_steps(n, torch.arange(n), how, seed, begin)
        members.append(
            Member(
                measurement.start(how),
                batches,
                how.learning_rate,
                last,
                how.optimiser,
                attack=online,
                seed=seed,
            )
        )
    trained = train_stack(
        classifier.network,
        pool,
        labels.repeat(len(pool) // n),
        members,
        seed,
        conditions.checkpoint,
    )
    stack = Stack(classifier.network, [each.state for each in trained]).eval()
    held_out, labels = conditions.held_out
    transferred = torch.stack([each.measurement.crafted[1] for each in some])
    clean = stacked_correct(stack, held_out[None], labels)
    verdicts = stacked_verdicts(
        stack,
        held_out,
        labels,
        [each.measurement.attack for each in some],
        derive_seed(conditions.seed, "evaluate", "validation"),
        clean=torch.from_numpy(clean).to(labels.device),
    )
    transfer = stacked_correct(stack, transferred, labels)
    return [
        {
            "clean": float(clean[i].mean()),
            "transfer": float(transfer[i].mean()),
            "whitebox": float(each.robust.float().mean()),
        }
        for i, each in enumerate(verdicts)
    ]


def _accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    return float(forward(network, images, partial(correct, network, images, labels)).mean())
