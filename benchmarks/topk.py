"""T_kMIA on scenes and on photo-sized images: advlearn against one image at a time, in one run.

    python -m benchmarks.topk --data results/RUN/data

The peer is ``benchmarks/plain_topk.py``: the attack as its description reads, a Python loop for
each image. Both sides attack the same images with the same settings (preset ``authors``) and number
of threads; ``disagreements`` counts the images on which they differ about success. On scenes two
networks are trained before: the residual CNN that study 2 attacks, and a plain CNN that does eight
times the arithmetic. The ResNet-50 has random weights, which cost as much as trained ones, and a
step so small that no image ends early, so that both sides do the same work.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from advlearn.attacks import topk
from advlearn.data.multilabel.scenes import compose
from advlearn.data.splits import SplitName
from advlearn.data.store import load_split
from advlearn.learners import networks
from advlearn.settings.multilabel import ScenesSettings
from advlearn.settings.network import ImagenetResnetSettings, NetworkSettings, ResnetSettings
from advlearn.settings.topk import TopkAttackSettings, authors
from benchmarks import common, plain_topk

K = 3
NETWORKS = {
    "resnet": (ResnetSettings(name="resnet", widths=(16, 32, 64)), 3e-3, 1000),
    "cnn": (NetworkSettings(name="cnn", channels=(16, 32, 64), hidden=(128,)), 1e-3, 300),
    "wide cnn": (NetworkSettings(name="cnn", channels=(32, 64, 128), hidden=(256,)), 1e-3, 100),
}
"""Networks for scenes, the learning rates of their training and the images that are attacked.

1000 is the paper's number. With few images the last of them leave most of a batch empty.
"""


def scenes(data: Path, split: SplitName, count: int) -> tuple[Tensor, Tensor]:
    """Images float32 (count, ch, side, side) and relevant labels bool (count, c)."""
    found = load_split(data, split)
    pixels = np.round(found.images * 255).astype(np.uint8)
    labels = np.asarray(found.labels)
    n_classes = int(labels.max()) + 1
    images, relevant = compose(pixels, labels, n_classes, ScenesSettings(), split, count)
    return torch.from_numpy(images).float() / 255, torch.from_numpy(relevant)


def train(
    settings: Any, learning_rate: float, images: Tensor, relevant: Tensor, epochs: int
) -> nn.Module:
    """A network trained with binary cross-entropy."""
    torch.manual_seed(0)
    shape = (images.shape[1], images.shape[2], images.shape[3])
    model = networks.build(settings, shape, relevant.shape[1]).to(images.device)
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    generator = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for batch in torch.randperm(len(images), generator=generator).split(64):
            loss = nn.functional.binary_cross_entropy_with_logits(
                model(images[batch]), relevant[batch].float(), reduction="sum"
            )
            optimiser.zero_grad()
            (loss / len(batch)).backward()
            optimiser.step()
    return model.eval()


def plain_run(
    model: nn.Module, images: Tensor, targets: topk.TopkTargets, settings: TopkAttackSettings
) -> list[bool]:
    """Whether the peer succeeds on each image."""
    return [
        plain_topk.descent(
            model,
            images[i : i + 1],
            targets.relevant[i],
            targets.specified[i],
            targets.k,
            "tkmia",
            settings.learning_rate,
            settings.iterations,
            settings.alpha,
            settings.momentum,
        ).success
        for i in range(len(images))
    ]


def compare(
    case: str,
    model: nn.Module,
    images: Tensor,
    relevant: Tensor,
    settings: TopkAttackSettings,
    count: int,
    batch_size: int,
    rounds: int,
) -> dict[str, object]:
    """Attack the first ``count`` eligible images with both sides."""
    logits = topk.clean_logits(model, images, settings, batch_size)
    ids = range(len(images))
    eligible, targets = topk.random_targets(logits, relevant, K, 2, ids, seed=0)
    rows = eligible.nonzero().squeeze(1)[:count]
    images, targets = images[rows], targets[rows]
    timing = common.in_turn(
        lambda: topk.run(model, images, targets, settings, batch_size),
        lambda: plain_run(model, images, targets, settings),
        rounds,
    )
    outcome: topk.TopkOutcome = timing.ours
    return {
        "benchmark": "topk",
        "case": case,
        "ours_s": timing.ours_s,
        "peer_s": timing.peer_s,
        "ratio": timing.ratio,
        "rounds": timing.rounds,
        "disagreements": int((outcome.success != torch.tensor(timing.peer)).sum()),
        "threads": torch.get_num_threads(),
        "images": len(images),
        "ours_images_per_s": len(images) / timing.ours_s,
        "peer_images_per_s": len(images) / timing.peer_s,
        "iterations": float(outcome.iterations.double().mean()),
        "batch_size": batch_size,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of a prepared data set")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/topk.csv"))
    parser.add_argument("--images", type=int, help="scenes to attack, at most 1000 or 100")
    parser.add_argument("--train", type=int, default=10_000, help="scenes to train on")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of the CNN")
    parser.add_argument("--photos", type=int, default=16, help="images for ResNet-50; 0: none")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side, in turn")
    parser.add_argument("--threads", type=int, default=1, help="torch threads of both sides")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)

    images, relevant = scenes(options.data, "train", options.train)
    settings = authors("tkmia", learning_rate=5e-3)
    rows = []
    for name, (network, learning_rate, most) in NETWORKS.items():
        count = min(most, options.images or most)
        held_out, truth = scenes(options.data, "test", 10 * count)
        model = train(network, learning_rate, images, relevant, options.epochs)
        rows.append(compare(f"scenes {name}", model, held_out, truth, settings, count, 64,
                            options.rounds))  # fmt: skip
    if options.photos:
        torch.manual_seed(0)
        shape = (3, 300, 300)
        large = networks.build(ImagenetResnetSettings(name="resnet50", weights=None), shape, 20)
        photos = torch.rand((options.photos, *shape))
        everything = torch.ones((options.photos, 20), dtype=torch.bool)
        still = authors("tkmia", learning_rate=1e-9, iterations=10)
        rows.append(compare("photos resnet50", large, photos, everything, still, options.photos,
                            min(16, options.photos), options.rounds))  # fmt: skip
    machine = common.machine("torch")
    common.write([{**row, **machine} for row in rows], options.out)
    print("the peer is benchmarks/plain_topk.py", file=sys.stderr)


if __name__ == "__main__":
    main()
