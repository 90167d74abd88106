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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from advlearn import attacks
from advlearn.attacks import topk
from advlearn.attacks.robustness import robust_verdicts
from advlearn.budgets import LinfBall
from advlearn.learners import networks
from advlearn.settings.attack import PgdSettings
from advlearn.settings.network import ImagenetResnetSettings, NetworkSettings, RetrainSettings
from advlearn.settings.topk import TopkAttackSettings, authors, sound
from advlearn.support.determinism import configure_torch
from advlearn.training.adversarial import online_attack, pooled_steps, retrain
from advlearn.training.stack import train_stack
from advlearn.training.stack_batches import Member
from benchmarks import common, plain_topk
from benchmarks.gpu_common import (
    Sizes,
    accuracy,
    alike,
    as_it_comes,
    best_batch,
    columns,
    digits,
    finished,
    matrix_rate,
    operations,
    scenes,
    seconds,
    share,
    trained,
)
from benchmarks.robust_accuracy import NETWORKS, STEPS, peer_verdicts
from benchmarks.topk import NETWORKS as SCENE_NETWORKS
from benchmarks.topk import K
from benchmarks.topk import train as train_on_scenes

Rows = list[dict[str, Any]]

EPSILON = 0.3
SETTINGS = PgdSettings(epsilon=EPSILON, steps=STEPS, random_start=False)


def crafting(sizes: Sizes, device: torch.device) -> Rows:
    """PGD-20 on the images of a training set."""
    images, labels = digits(sizes.craft, device)
    return [crafted(name, images, labels, sizes, device) for name in NETWORKS]


def crafted(
    name: str, images: Tensor, labels: Tensor, sizes: Sizes, device: torch.device
) -> dict[str, Any]:
    """The images of one network, beside those of torchattacks."""
    from torchattacks import PGD

    model = trained(name, 0.0, sizes, device)
    peer = PGD(model, EPSILON, SETTINGS.resolved_step_size, STEPS, random_start=False)
    solver = attacks.build(SETTINGS)

    def beside(size: int) -> Tensor:
        parts = zip(images.split(size), labels.split(size), strict=True)
        with as_it_comes():
            return torch.cat([peer(x, y) for x, y in parts])

    best = best_batch(beside, len(images), sizes, device)
    timing = common.in_turn(
        finished(lambda: solver.run(model, images, labels, 0), device),
        finished(lambda: beside(best), device),
        sizes.rounds,
    )
    ours, theirs = timing.ours, timing.peer
    same = alike(ours, theirs)
    # Signs turn by rounding: how much, the peer with other batches tells.
    itself = alike(theirs, beside(best // 3))
    return {
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


def robust(sizes: Sizes, device: torch.device) -> Rows:
    """Which test images withstand PGD-20."""
    images, labels = digits(sizes.test, device)
    defences = ("undefended", 0.0), ("defended", EPSILON)
    return [
        judged(f"{name} {defence}", trained(name, radius, sizes, device),
               images, labels, sizes, device)
        for name in NETWORKS for defence, radius in defences
    ]  # fmt: skip


def judged(
    case: str,
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    sizes: Sizes,
    device: torch.device,
) -> dict[str, Any]:
    """The verdicts on one network, beside those of torchattacks."""

    def beside(size: int) -> Tensor:
        with as_it_comes():
            return peer_verdicts(model, images, labels, SETTINGS, size)

    best = best_batch(beside, len(images), sizes, device)
    timing = common.in_turn(
        finished(lambda: robust_verdicts(model, images, labels, SETTINGS, 0), device),
        finished(lambda: beside(best), device),
        sizes.rounds,
    )
    ours, peer = timing.ours, timing.peer
    LinfBall(EPSILON).check(images, ours.adversarial)
    with torch.no_grad():
        wrong = model(ours.adversarial).argmax(1) != labels
    return {
        "benchmark": "gpu_robust",
        "case": case,
        **columns(timing),
        "images": len(images),
        "peer_batch_size": best,
        "disagreements": int((ours.robust != peer).sum()),
        "unsound": int((~ours.robust & ~wrong).sum()),
        "missed": int((ours.robust & ~peer).sum()),
        "ours_robust": share(ours.robust),
        "peer_robust": share(peer),
        "gradient_share": ours.gradients / (STEPS * len(images)),
    }


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
    # Of an attack that changes nothing no image ends early. Forty steps: what comes before the
    # first one, a dozen of them, is a small part of the hundred of a run on photos.
    still = authors("tkmia", learning_rate=1e-9, iterations=40)
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
    model = trained("strided", 0.0, sizes, device)
    adversarial = attacks.build(SETTINGS).run(model, images, labels, 0)
    networks_of_cells: dict[str, NetworkSettings] = {
        "MLP": NetworkSettings(name="mlp", hidden=(128,), dropout=0.5),
        "CNN": NetworkSettings(name="cnn", channels=(16, 32), hidden=()),
    }
    return [
        cells(case, settings, images, labels, adversarial, sizes, device)
        for case, settings in networks_of_cells.items()
    ]


def cells(
    case: str,
    settings: NetworkSettings,
    images: Tensor,
    labels: Tensor,
    adversarial: Tensor,
    sizes: Sizes,
    device: torch.device,
) -> dict[str, Any]:
    """All trainings side by side, beside the first of them alone."""
    how = RetrainSettings(schedule="interleaved", crafting="static", epochs=1, batch_size=128)
    pool, both = torch.cat([images, adversarial]), labels.repeat(2)
    torch.manual_seed(0)
    model = networks.build(settings, (1, 28, 28), 10).to(device)
    start = {key: value.clone() for key, value in model.state_dict().items()}
    chosen = [torch.arange(i + 1, len(images), i % 9 + 2) for i in range(sizes.members)]
    members = []
    for positions in chosen:
        steps, last = pooled_steps(len(images), positions, how, 0, len(images))
        members.append(Member(start, steps, how.learning_rate, last))
    count = sum(len(step) for member in members for step in member.batches)

    def alone() -> int:
        model.load_state_dict(start)
        positions = chosen[0].to(device)
        attack = online_attack(SETTINGS, 1)
        retrain(model, images, labels, adversarial[positions], positions, how, 0, attack)
        return len(images) + len(positions)

    together = finished(lambda: train_stack(model, pool, both, members, 0), device)
    together()
    timing = common.in_turn(together, finished(alone, device), 1)
    return {
        "benchmark": "gpu_training",
        "case": case,
        "members": len(members),
        "ours_s": timing.ours_s,
        "images": count,
        "ours_images_per_s": count / timing.ours_s,
        "peer_images_per_s": timing.peer / timing.peer_s,
        "ratio": count / timing.ours_s * timing.peer_s / timing.peer,
    }


PARTS: dict[str, Callable[[Sizes, torch.device], Rows]] = {
    "crafting": crafting,
    "robust": robust,
    "topk": scenes_and_photos,
    "training": training,
}


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
