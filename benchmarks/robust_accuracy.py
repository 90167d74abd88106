"""Robust accuracy by PGD-20 on the test images: advlearn against torchattacks, in turn, in one run.

torchattacks is no dependency of the project: requirements-bench.txt says how to install it. Then

    python -m benchmarks.robust_accuracy --data results/RUN/data

Both sides attack the same network on the same images with the same number of threads, step size
and radius, and without random start, so that they follow the same path. The peer runs at the
fastest of several batch sizes. Its verdict is its last iterate's; ours is that of all iterates,
and so can only find more adversarial images, unless rounding sends the two along different paths.
Every image on which the verdicts differ is looked at: ``unsound`` counts those that we call not
robust without holding an image that is inside ball and box and that the original model gets
wrong; it must be 0. ``missed`` counts those that only the peer fools.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from advlearn.attacks import build
from advlearn.attacks.robustness import robust_verdicts
from advlearn.budgets import LinfBall
from advlearn.data.store import load_split
from advlearn.settings.attack import PgdSettings
from advlearn.support.seeds import derive_seed
from benchmarks import common

STEPS = 20
PEER_BATCH_SIZES = (50, 100, 250, 500, 1000)
NETWORKS = ("pooled", "strided")


def network(name: str, channels: int, side: int, n_classes: int) -> nn.Module:
    """CNN with 16 and 32 channels: `pooled` the textbook one, `strided` with strides for pools."""
    torch.manual_seed(0)
    stride = 1 if name == "pooled" else 2
    layers: list[nn.Module] = []
    for before, after in ((channels, 16), (16, 32)):
        layers += [nn.Conv2d(before, after, 3, stride=stride, padding=1), nn.ReLU()]
        if name == "pooled":
            layers.append(nn.MaxPool2d(2))
        side = side // 2 if name == "pooled" else (side + 1) // 2
    features = 32 * side * side
    layers += [nn.Flatten(), nn.Linear(features, 128), nn.ReLU(), nn.Linear(128, n_classes)]
    return nn.Sequential(*layers)


def train(
    model: nn.Module, images: Tensor, labels: Tensor, epochs: int, epsilon: float
) -> nn.Module:
    """Train on clean images, or, with epsilon > 0, on PGD-5 images made at each step."""
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    generator = torch.Generator().manual_seed(0)
    warm_up, number = 300, 0
    for _ in range(epochs):
        for batch in torch.randperm(len(images), generator=generator).split(100):
            x, y = images[batch], labels[batch]
            number += 1
            # From the full radius at once, small networks learn to answer a constant.
            radius = epsilon * min(1.0, number / warm_up)
            if radius > 0:
                settings = PgdSettings(epsilon=radius, steps=5, step_size=radius / 2)
                x = build(settings).run(model, x, y, derive_seed("benchmark", number))
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimiser.step()
    return model.eval()


def peer_verdicts(
    model: nn.Module, images: Tensor, labels: Tensor, settings: PgdSettings, batch_size: int
) -> Tensor:
    """Robust images (n,) according to torchattacks' PGD."""
    from torchattacks import PGD

    attack = PGD(
        model,
        eps=settings.epsilon,
        alpha=settings.resolved_step_size,
        steps=settings.steps,
        random_start=False,
    )
    found = []
    for x, y in zip(images.split(batch_size), labels.split(batch_size), strict=True):
        adversarial = attack(x, y)
        with torch.no_grad():
            found.append(model(adversarial).argmax(1) == y)
    return torch.cat(found)


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds; on a busy machine the CPU seconds of one thread are the fairer ones."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def compare(
    case: str,
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    epsilon: float,
    rounds: int,
    threads: int,
) -> dict[str, object]:
    settings = PgdSettings(epsilon=epsilon, steps=STEPS, random_start=False)
    sample = slice(0, min(2000, len(images)))
    tries = {
        size: min(
            seconds(partial(peer_verdicts, model, images[sample], labels[sample], settings, size))
            for _ in range(2)
        )
        for size in PEER_BATCH_SIZES
    }
    best = min(tries, key=lambda size: tries[size])
    robust_verdicts(model, images[:500], labels[:500], settings, seed=0)
    ours_times, peer_times = [], []
    for _ in range(rounds):
        ours_times.append(seconds(lambda: robust_verdicts(model, images, labels, settings, seed=0)))
        peer_times.append(seconds(lambda: peer_verdicts(model, images, labels, settings, best)))
    ours = robust_verdicts(model, images, labels, settings, seed=0)
    peer = peer_verdicts(model, images, labels, settings, best)

    ours_s, ours_cpu_s = (statistics.median(times) for times in zip(*ours_times, strict=True))
    peer_s, peer_cpu_s = (statistics.median(times) for times in zip(*peer_times, strict=True))
    fooled = ~ours.robust
    LinfBall(epsilon).check(images, ours.adversarial)
    with torch.no_grad():
        wrong = torch.cat([model(x).argmax(1) for x in ours.adversarial.split(500)]) != labels
    row: dict[str, object] = {
        "benchmark": "robust_accuracy",
        "case": case,
        "ours_s": ours_s,
        "peer_s": peer_s,
        "ratio": peer_s / ours_s,
        "rounds": rounds,
        "disagreements": int((ours.robust != peer).sum()),
        "threads": threads,
        "cpu_ratio": peer_cpu_s / ours_cpu_s,
        "images": len(images),
        "unsound": int((fooled & ~wrong).sum()),
        "missed": int((ours.robust & ~peer).sum()),
        "ours_robust": float(ours.robust.double().mean()),
        "peer_robust": float(peer.double().mean()),
        "gradient_share": ours.gradients / (STEPS * len(images)),
        "peer_batch_size": best,
    }
    print(", ".join(f"{key}={value}" for key, value in row.items()), file=sys.stderr, flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of a prepared data set")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/robust_accuracy.csv"))
    parser.add_argument("--images", type=int, default=10_000, help="test images")
    parser.add_argument("--train", type=int, default=60_000, help="training images")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side, in turn")
    parser.add_argument("--threads", type=int, default=1, help="torch threads of both sides")
    parser.add_argument("--epsilon", type=float, default=0.3, help="radius of the attack")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)

    train_split, test_split = load_split(options.data, "train"), load_split(options.data, "test")
    images = torch.from_numpy(train_split.images[: options.train])
    labels = torch.from_numpy(train_split.labels[: options.train])
    held_out = torch.from_numpy(test_split.images[: options.images])
    truth = torch.from_numpy(test_split.labels[: options.images])
    n_classes = int(labels.max()) + 1

    rows = []
    for name in options.networks:
        for defence, epochs, radius in (("undefended", 2, 0.0), ("defended", 2, options.epsilon)):
            model = network(name, images.shape[1], images.shape[2], n_classes)
            train(model, images, labels, epochs, radius)
            rows.append(
                compare(
                    f"{name} {defence}",
                    model,
                    held_out,
                    truth,
                    options.epsilon,
                    options.rounds,
                    options.threads,
                )
            )
    machine = common.machine("torch", "torchattacks")
    common.write([{**row, **machine} for row in rows], options.out)


if __name__ == "__main__":
    main()
