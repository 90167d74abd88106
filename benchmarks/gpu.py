"""Attacks and training on one GPU: advlearn beside its peers, in turn, in one run on one card.

    python -m benchmarks.gpu

Needs neither Snakemake nor a prepared data set: the images are scikit-learn's digits, enlarged to
28 x 28 pixels and shifted. What it imports beside a plain PyTorch image: pydantic, and torchattacks
for the peers (requirements-bench.txt). Each part writes benchmarks/results/gpu_PART.csv as soon as
it is done. Without a GPU it says so and ends well; ``--device cpu --small`` tries the script.

- ``crafting``: PGD-20 on 55,000 images, beside torchattacks' PGD at its best batch.
- ``robust``: robust accuracy by PGD-20 on 10,000 images, as benchmarks.robust_accuracy.
- ``topk``: T_kMIA on scenes and on photo-sized images, beside an image at a time.
- ``training``: the trainings of a table's cells side by side, beside one after the other.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from advlearn import attacks
from advlearn.attacks import topk
from advlearn.attacks.robustness import robust_verdicts
from advlearn.budgets import LinfBall
from advlearn.data.multilabel.scenes import compose
from advlearn.learners import networks
from advlearn.settings.attack import PgdSettings
from advlearn.settings.multilabel import ScenesSettings
from advlearn.settings.network import ImagenetResnetSettings, NetworkSettings, RetrainSettings
from advlearn.settings.topk import TopkAttackSettings, authors, sound
from advlearn.support.determinism import configure_torch
from advlearn.training.adversarial import online_attack, pooled_steps, retrain
from advlearn.training.stack import train_stack
from advlearn.training.stack_batches import Member
from benchmarks import common, plain_topk
from benchmarks.robust_accuracy import NETWORKS, STEPS, network, peer_verdicts
from benchmarks.robust_accuracy import train as train_classifier
from benchmarks.topk import NETWORKS as SCENE_NETWORKS
from benchmarks.topk import K
from benchmarks.topk import train as train_on_scenes

Rows = list[dict[str, Any]]

EPSILON = 0.3
SETTINGS = PgdSettings(epsilon=EPSILON, steps=STEPS, random_start=False)


class Sizes:
    """How much work there is; ``small`` to try the script on a CPU."""

    def __init__(self, small: bool) -> None:
        self.craft, self.test, self.train = (64, 32, 200) if small else (55_000, 10_000, 24_000)
        self.scenes, self.train_scenes, self.photos = (8, 100, 2) if small else (600, 10_000, 128)
        self.photo_side, self.one_by_one = (64, 1) if small else (300, 8)
        self.on_cpu = 4 if small else 100
        self.members, self.trained_on = (4, 500) if small else (64, 55_000)
        self.batches = (16, 32) if small else (5000, 10_000, 27_500, 55_000)
        self.rounds = 1 if small else 3


def digits(n: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Images float32 (n, 1, 28, 28) in [0, 1] and their classes."""
    found = load_digits()
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randint(len(found.target), (n,), generator=generator)
    small = torch.from_numpy(found.images).float()[:, None] / 16
    large = nn.functional.interpolate(small, size=24, mode="bilinear", align_corners=False)
    padded = nn.functional.pad(large, (4, 4, 4, 4))
    down, right = torch.randint(5, (2, n, 1), generator=generator)
    rows, columns = (start + torch.arange(28) for start in (down, right))
    images = padded[chosen[:, None, None], 0, rows[:, :, None], columns[:, None, :]][:, None]
    labels = torch.from_numpy(found.target)[chosen].long()
    return images.contiguous().to(device), labels.to(device)


@contextmanager
def as_it_comes() -> Iterator[None]:
    """Within the block PyTorch may choose algorithms that do not repeat themselves.

    The peers ask for nothing else; TF32 stays off for both sides.
    """
    mode = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("default")
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)


def finished(work: Callable[[], Any], device: torch.device) -> Callable[[], Any]:
    """``work`` that ends when the device has ended it."""

    def call() -> Any:
        result = work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return result

    return call


def seconds(work: Callable[[], Any]) -> float:
    """Of one call, after one that is not counted."""
    work()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def crafting(sizes: Sizes, device: torch.device) -> Rows:
    """PGD-20 on the images of a training set."""
    from torchattacks import PGD

    images, labels = digits(sizes.craft, device)
    rows: Rows = []
    for name in NETWORKS:
        model = trained(name, 0.0, sizes, device)
        peer = PGD(model, EPSILON, SETTINGS.resolved_step_size, STEPS, random_start=False)

        def beside(size: int, model: nn.Module = model, peer: Any = peer) -> Tensor:
            parts = zip(images.split(size), labels.split(size), strict=True)
            with as_it_comes():
                return torch.cat([peer(x, y) for x, y in parts])

        best = best_batch(beside, len(images), sizes, device)
        solver = attacks.build(SETTINGS)
        timing = common.in_turn(
            finished(lambda: solver.run(model, images, labels, 0), device),  # noqa: B023
            finished(lambda: beside(best), device),  # noqa: B023
            sizes.rounds,
        )
        ours, theirs = timing.ours, timing.peer
        same = alike(ours, theirs)
        # Signs turn by rounding: how much, the peer with other batches tells.
        itself = alike(theirs, beside(best // 3))
        rows.append(
            {
                "benchmark": "gpu_crafting",
                "case": name,
                **columns(timing),
                "images": len(images),
                "peer_batch_size": best,
                "same_pixels": share(same),
                "same_images": share(same.flatten(1).all(1)),
                "peer_same_pixels": share(itself),
                "peer_same_images": share(itself.flatten(1).all(1)),
                "ours_accuracy": accuracy(model, ours, labels),
                "peer_accuracy": accuracy(model, theirs, labels),
            }
        )
    return rows


def robust(sizes: Sizes, device: torch.device) -> Rows:
    """Which test images withstand PGD-20."""
    images, labels = digits(sizes.test, device)
    rows: Rows = []
    for name in NETWORKS:
        for defence, radius in (("undefended", 0.0), ("defended", EPSILON)):
            model = trained(name, radius, sizes, device)

            def beside(size: int, model: nn.Module = model) -> Tensor:
                with as_it_comes():
                    return peer_verdicts(model, images, labels, SETTINGS, size)

            best = best_batch(beside, len(images), sizes, device)
            timing = common.in_turn(
                finished(lambda: robust_verdicts(model, images, labels, SETTINGS, 0), device),  # noqa: B023
                finished(lambda: beside(best), device),  # noqa: B023
                sizes.rounds,
            )
            ours, peer = timing.ours, timing.peer
            fooled = ~ours.robust
            LinfBall(EPSILON).check(images, ours.adversarial)
            with torch.no_grad():
                wrong = model(ours.adversarial).argmax(1) != labels
            rows.append(
                {
                    "benchmark": "gpu_robust",
                    "case": f"{name} {defence}",
                    **columns(timing),
                    "images": len(images),
                    "peer_batch_size": best,
                    "disagreements": int((ours.robust != peer).sum()),
                    "unsound": int((fooled & ~wrong).sum()),
                    "missed": int((ours.robust & ~peer).sum()),
                    "ours_robust": float(ours.robust.double().mean()),
                    "peer_robust": float(peer.double().mean()),
                    "gradient_share": ours.gradients / (STEPS * len(images)),
                }
            )
    return rows


def scenes_and_photos(sizes: Sizes, device: torch.device) -> Rows:
    """T_kMIA on both kinds of images."""
    rows: Rows = []
    train_images, train_relevant = scenes(sizes.train_scenes, "train")
    images, relevant = scenes(2 * sizes.scenes, "test")
    residual, learning_rate, _ = SCENE_NETWORKS["resnet"]
    torch.manual_seed(0)
    model = train_on_scenes(
        residual, learning_rate, train_images.to(device), train_relevant.to(device), 3
    )
    for name, attack in (("authors", authors("tkmia")), ("sound", sound("tkmia"))):
        case = f"scenes, {name}"
        rows.append(attacked(case, model, images, relevant, attack, sizes.scenes, sizes, device))
    torch.manual_seed(0)
    shape = (3, sizes.photo_side, sizes.photo_side)
    photographic = ImagenetResnetSettings(name="resnet50", weights=None)
    large = networks.build(photographic, shape, 20).to(device)
    still = authors("tkmia", learning_rate=1e-9, iterations=10)
    photos = torch.rand((sizes.photos, *shape))
    everything = torch.ones((sizes.photos, 20), dtype=torch.bool)
    row = attacked(
        "photos", large.eval(), photos, everything, still, sizes.photos, sizes, device, 0
    )
    done = operations(large, photos[:1].to(device)) * still.iterations * sizes.photos
    row["tflop_per_s"] = done / row["ours_s"] / 1e12
    row["tflop_share"] = row["tflop_per_s"] / matrix_rate(device, 256 if sizes.photos < 9 else 8192)
    return [*rows, row]


def attacked(
    case: str,
    model: nn.Module,
    images: Tensor,
    relevant: Tensor,
    settings: TopkAttackSettings,
    count: int,
    sizes: Sizes,
    device: torch.device,
    on_cpu: int | None = None,
) -> dict[str, Any]:
    """One attack on the first ``count`` eligible images, beside an image at a time."""
    logits = topk.clean_logits(model, images, settings)
    eligible, targets = topk.random_targets(logits, relevant, K, 2, range(len(images)), seed=0)
    places = eligible.nonzero().squeeze(1)[:count]
    images, targets = images[places], targets[places]

    def one_by_one() -> None:
        with as_it_comes():
            for i in range(sizes.one_by_one):
                plain_topk.descent(
                    model, images[i : i + 1].to(device), targets.relevant[i], targets.specified[i],
                    K, "tkmia", settings.learning_rate, settings.iterations, settings.alpha,
                    settings.momentum,
                )  # fmt: skip

    ours = finished(lambda: topk.run(model, images, targets, settings), device)
    ours()
    timing = common.in_turn(ours, finished(one_by_one, device), 1)
    ours_s = min(timing.ours_s, seconds(ours))
    found = timing.ours
    row = {
        "benchmark": "gpu_topk",
        "case": case,
        "ours_s": ours_s,
        "images": len(images),
        "ours_images_per_s": len(images) / ours_s,
        "peer_images_per_s": sizes.one_by_one / timing.peer_s,
        "ratio": len(images) / ours_s * timing.peer_s / sizes.one_by_one,
        "iterations": float(found.iterations.double().mean()),
        "success": float(found.success.double().mean()),
    }
    on_cpu = sizes.on_cpu if on_cpu is None else on_cpu
    if on_cpu:
        expected = topk.run(model.cpu(), images[:on_cpu], targets[torch.arange(on_cpu)], settings)
        model.to(device)
        row["beside_cpu"] = on_cpu
        row["other_flags"] = int((found.success[:on_cpu] != expected.success).sum())
        row["other_l2"] = float((found.l2[:on_cpu] / expected.l2 - 1).abs().median())
    return row


def training(sizes: Sizes, device: torch.device) -> Rows:
    """One training for each of many selections, as the cells of a table."""
    images, labels = digits(sizes.trained_on, device)
    crafted = attacks.build(SETTINGS).run(trained("strided", 0.0, sizes, device), images, labels, 0)
    pool = torch.cat([images, crafted])
    how = RetrainSettings(schedule="interleaved", crafting="static", epochs=1, batch_size=128)
    rows: Rows = []
    for case, settings in (
        ("MLP", NetworkSettings(name="mlp", hidden=(128,), dropout=0.5)),
        ("CNN", NetworkSettings(name="cnn", channels=(16, 32), hidden=())),
    ):
        torch.manual_seed(0)
        model = networks.build(settings, (1, 28, 28), 10).to(device)
        start = {key: value.clone() for key, value in model.state_dict().items()}
        chosen = [
            torch.arange(number + 1, len(images), number % 9 + 2) for number in range(sizes.members)
        ]
        members = []
        for positions in chosen:
            steps, last = pooled_steps(len(images), positions, how, 0, len(images))
            members.append(Member(start, steps, how.learning_rate, last))
        count = sum(len(step) for member in members for step in member.batches)

        def together() -> object:
            return train_stack(model, pool, labels.repeat(2), members, 0)  # noqa: B023

        def alone() -> int:
            model.load_state_dict(start)  # noqa: B023
            positions = chosen[0].to(device)  # noqa: B023
            attack = online_attack(SETTINGS, 1)
            retrain(model, images, labels, crafted[positions], positions, how, 0, attack)  # noqa: B023
            return len(images) + len(positions)

        finished(together, device)()
        timing = common.in_turn(finished(together, device), finished(alone, device), 1)
        rows.append(
            {
                "benchmark": "gpu_training",
                "case": case,
                "members": len(members),
                "ours_s": timing.ours_s,
                "images": count,
                "ours_images_per_s": count / timing.ours_s,
                "peer_images_per_s": timing.peer / timing.peer_s,
                "ratio": count / timing.ours_s * timing.peer_s / timing.peer,
            }
        )
    return rows


PARTS: dict[str, Callable[[Sizes, torch.device], Rows]] = {
    "crafting": crafting,
    "robust": robust,
    "topk": scenes_and_photos,
    "training": training,
}


_TRAINED: dict[tuple[str, float], nn.Module] = {}


def trained(name: str, radius: float, sizes: Sizes, device: torch.device) -> nn.Module:
    """A classifier trained on clean images, or with ``radius`` on adversarial ones."""
    if (name, radius) not in _TRAINED:
        images, labels = digits(sizes.train, device)
        model = network(name, 1, 28, 10).to(device)
        started = time.perf_counter()
        _TRAINED[name, radius] = train_classifier(model, images, labels, 2, radius)
        print(f"trained {name} {radius}: {time.perf_counter() - started:.1f} s", file=sys.stderr)
    return _TRAINED[name, radius]


def best_batch(
    work: Callable[[int], object], count: int, sizes: Sizes, device: torch.device
) -> int:
    """The batch size with which ``work`` on ``count`` images takes least time."""
    tries = {
        size: seconds(finished(lambda: work(size), device))  # noqa: B023
        for size in sizes.batches
        if size <= count
    }
    return min(tries, key=lambda size: tries[size])


def columns(timing: common.Timing) -> dict[str, float]:
    """What all comparisons tell."""
    return {
        "ours_s": timing.ours_s,
        "peer_s": timing.peer_s,
        "ratio": timing.ratio,
        "rounds": timing.rounds,
    }


def alike(one: Tensor, other: Tensor) -> Tensor:
    """Which pixels are the same to 1e-6."""
    return (one - other).abs() <= 1e-6


def share(flags: Tensor) -> float:
    """How many of ``flags`` are true."""
    return float(flags.double().mean())


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of the images that ``model`` classifies rightly."""
    with torch.no_grad():
        parts = zip(images.split(5000), labels.split(5000), strict=True)
        right = torch.cat([model(x).argmax(1) == y for x, y in parts])
    return float(right.double().mean())


def scenes(count: int, split: Any) -> tuple[Tensor, Tensor]:
    """Scenes of digits and their relevant labels, on the CPU."""
    images, labels = digits(5000, torch.device("cpu"))
    pixels = (images * 255).round().byte().numpy()
    composed, relevant = compose(pixels, labels.numpy(), 10, ScenesSettings(), split, count)
    return torch.from_numpy(composed).float() / 255, torch.from_numpy(np.asarray(relevant))


def operations(model: nn.Module, image: Tensor) -> float:
    """Floating-point operations of a forward pass of one image and of its input gradient."""
    from torch.utils.flop_counter import FlopCounterMode

    point = image.clone().requires_grad_(True)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with FlopCounterMode(display=False) as counter:
        model(point).sum().backward()
    return float(counter.get_total_flops())


def matrix_rate(device: torch.device, side: int) -> float:
    """TFLOP/s of a product of two random float32 matrices, without TF32."""
    a, b = torch.rand((2, side, side), device=device)
    best = min(seconds(finished(lambda: a @ b, device)) for _ in range(5))
    return 2 * side**3 / best / 1e12


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--small", action="store_true", help="little work, to try the script")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("skipped: no CUDA device is visible to torch")
        return
    device = configure_torch(1, options.device)
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "none"
    sizes = Sizes(options.small)
    for name in options.only:
        started = time.perf_counter()
        rows = PARTS[name](sizes, device)
        machine = common.machine("torch", "torchattacks")
        common.write([{**row, "card": card, **machine} for row in rows],
                     options.out / f"gpu_{name}.csv")  # fmt: skip
        print(f"{name}: {time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
