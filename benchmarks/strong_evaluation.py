"""Strong attacks against torchattacks' AutoAttack on four networks, and what each attack adds.

torchattacks is no dependency of the project: requirements-bench.txt says how to install it. Then

    python -m benchmarks.strong_evaluation --data results/RUN/data

The networks are undefended, trained on FGSM until their gradients mislead ("masked"), trained on
PGD, and trained on PGD in the L2 ball. All are judged on the same test images. A row is an attack
of one network: ``robust`` is its own robust accuracy, ``so_far`` the worst case over it and the
strong attacks above it. The rows of PGD are no part of the worst case: 20 and 100 steps of the
default length, 2.5 epsilon / steps, from a random start; five restarts with each of two losses;
100 steps from the image itself; 100 steps of a tenth of the radius. ``worst case of study 1`` has
the steps and queries of its key ``evaluate.strong``. The peers are AutoAttack as torchattacks has
it, whose APGD and FAB make 10 steps, and its four attacks with the 100 steps of the paper, each on
the survivors. The last columns are the checks of an evaluation by the attack of the row
(`advlearn.attacks.sanity.strength_checks`).
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from advlearn.attacks import build
from advlearn.attacks.robustness import worst_case_verdicts
from advlearn.attacks.sanity import strength_checks
from advlearn.data.store import load_split
from advlearn.settings.attack import (
    AttackSettings,
    EvaluationSettings,
    FgsmSettings,
    Norm,
    PgdSettings,
)
from advlearn.settings.strong import strong_attacks
from advlearn.studies.selective.settings.strengthen import StrongSettings
from advlearn.support.seeds import derive_seed
from benchmarks import common
from benchmarks.robust_accuracy import network

CASES: dict[str, tuple[Norm, float]] = {
    "undefended": ("linf", 0.1),
    "masked": ("linf", 0.2),
    "pgd": ("linf", 0.2),
    "pgd l2": ("l2", 2.0),
}
NAMES = ("apgd", "apgd targeted", "fab", "square")
"""Of the attacks of `strong_attacks`, in their order."""


def trained_on(case: str) -> AttackSettings | None:
    """The attack whose images a network is trained on; none for clean images."""
    norm, epsilon = CASES[case]
    if case == "undefended":
        return None
    if case == "masked":
        return FgsmSettings(epsilon=epsilon, norm=norm)
    return PgdSettings(epsilon=epsilon, norm=norm, steps=5, step_size=epsilon / 2)


def train(
    model: nn.Module, images: Tensor, labels: Tensor, attack: AttackSettings | None, epochs: int
) -> nn.Module:
    """Train on images that are made at each step, the radius growing in the first epoch."""
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    generator = torch.Generator().manual_seed(0)
    number, warm_up = 0, len(images) // 100
    for _ in range(epochs):
        for batch in torch.randperm(len(images), generator=generator).split(100):
            x, y = images[batch], labels[batch]
            number += 1
            if attack is not None:
                grown = min(1.0, number / warm_up)
                update = {"epsilon": attack.epsilon * grown}
                if isinstance(attack, PgdSettings) and attack.step_size is not None:
                    update["step_size"] = attack.step_size * grown
                x = build(attack.model_copy(update=update)).run(
                    model, x, y, derive_seed("benchmark", number)
                )
            optimiser.zero_grad()
            nn.functional.cross_entropy(model.train()(x), y).backward()
            optimiser.step()
    return model.eval()


def peers(
    model: nn.Module, images: Tensor, labels: Tensor, norm: Norm, epsilon: float
) -> dict[str, Callable[[], Tensor]]:
    """Robust images (n,) according to AutoAttack with the peer's steps and with the paper's."""
    import torchattacks as peer

    common_settings: dict[str, Any] = {
        "norm": {"linf": "Linf", "l2": "L2"}[norm],
        "eps": epsilon,
        "seed": 0,
    }

    def as_it_is() -> Tensor:
        attack = peer.AutoAttack(model, n_classes=10, version="standard", **common_settings)
        return survivors([attack])

    def as_in_the_paper() -> Tensor:
        return survivors(
            [
                peer.APGD(model, steps=100, **common_settings),
                peer.APGDT(model, steps=100, n_classes=10, **common_settings),
                peer.FAB(model, steps=100, multi_targeted=True, n_classes=10, **common_settings),
                peer.Square(model, n_queries=5000, **common_settings),
            ]
        )

    def survivors(attacks: list[Any]) -> Tensor:
        robust = right(model, images, labels)
        for attack in attacks:
            left = robust.nonzero().squeeze(1)
            if len(left):
                robust[left] = right(model, attack(images[left], labels[left]), labels[left])
        return robust

    return {"autoattack of 100 steps": as_in_the_paper, "autoattack of 10 steps": as_it_is}


def right(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Which images are classified rightly, bool (n,)."""
    with torch.no_grad():
        found: Tensor = model(images).argmax(1) == labels
    return found


def judged(
    case: str, model: nn.Module, images: Tensor, labels: Tensor, steps: int, queries: int
) -> list[dict[str, object]]:
    """The rows of one network."""
    norm, epsilon = CASES[case]
    clean = right(model, images, labels)
    rows: list[dict[str, object]] = []

    def add(name: str, robust: Tensor, seconds: float, so_far: Tensor | None = None) -> None:
        row: dict[str, object] = {
            "benchmark": "strong_evaluation",
            "case": case,
            "attack": name,
            "norm": norm,
            "epsilon": epsilon,
            "images": len(images),
            "clean": float(clean.double().mean()),
            "robust": float(robust.double().mean()),
            "so_far": float("nan") if so_far is None else float(so_far.double().mean()),
            "seconds": seconds,
        }
        rows.append(row)
        print(", ".join(f"{key}={value}" for key, value in row.items()), file=sys.stderr)

    def timed(work: Callable[[], Tensor]) -> tuple[Tensor, float]:
        started = time.process_time()
        return work(), time.process_time() - started

    def alone(*settings: EvaluationSettings) -> tuple[Tensor, float]:
        return timed(lambda: worst_case_verdicts(model, images, labels, settings, 0).robust)

    one: dict[str, Any] = {"norm": norm, "epsilon": epsilon}
    so_far = clean
    strong = strong_attacks(norm, epsilon, 10, steps=steps, queries=queries)
    for name, settings in zip(NAMES, strong, strict=True):
        robust, seconds = alone(settings)
        so_far = so_far & robust
        add(name, robust, seconds, so_far)
    short = StrongSettings()
    add(
        "worst case of study 1",
        *alone(*strong_attacks(norm, epsilon, 10, steps=short.steps, queries=short.queries)),
    )
    judging: dict[str, AttackSettings] = {
        "fgsm": FgsmSettings(**one),
        "pgd-20": PgdSettings(steps=20, **one),
    }
    for name, attack in judging.items():
        add(name, *alone(attack))
        for check in strength_checks(model, images, labels, attack, 0):
            rows[-1][check.check] = int(check.passed)
    add("pgd-100", *alone(PgdSettings(steps=100, **one)))
    add("pgd-100 from the image", *alone(PgdSettings(steps=100, random_start=False, **one)))
    add("pgd-100 long steps", *alone(PgdSettings(steps=100, step_size=epsilon / 10, **one)))
    restarts = [
        PgdSettings(steps=20, restarts=5, deviation=loss, **one)
        for loss in ("cross_entropy", "negative_margin")
    ]
    add("pgd 5x2", *alone(*restarts))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, peer in peers(model, images, labels, norm, epsilon).items():
            found, seconds = timed(peer)
            add(name, found, seconds)
            rows[-1]["fooled_by_peer_only"] = int((so_far & ~found).sum())
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of a prepared data set")
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/strong_evaluation.csv")
    )
    parser.add_argument("--images", type=int, default=500, help="test images")
    parser.add_argument("--train", type=int, default=10_000, help="training images")
    parser.add_argument("--epochs", type=int, default=3, help="passes over them")
    parser.add_argument("--steps", type=int, default=100, help="of APGD and FAB")
    parser.add_argument("--queries", type=int, default=5000, help="of Square Attack")
    parser.add_argument("--threads", type=int, default=1, help="torch threads of both sides")
    parser.add_argument("--networks", nargs="+", choices=list(CASES), default=list(CASES))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    train_split, test_split = load_split(options.data, "train"), load_split(options.data, "test")
    images = torch.from_numpy(train_split.images[: options.train])
    labels = torch.from_numpy(train_split.labels[: options.train])
    held_out = torch.from_numpy(test_split.images[: options.images])
    truth = torch.from_numpy(test_split.labels[: options.images])
    rows = []
    for case in options.networks:
        model = network("strided", images.shape[1], images.shape[2], 10)
        train(model, images, labels, trained_on(case), options.epochs)
        rows += judged(case, model, held_out, truth, options.steps, options.queries)
    machine = common.machine("torch", "torchattacks")
    common.write([{**row, **machine} for row in rows], options.out)


if __name__ == "__main__":
    main()
