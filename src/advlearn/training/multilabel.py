"""Training of multi-label classifiers: one binary cross-entropy a label."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import astuple, dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, binary_cross_entropy_with_logits, grid_sample

from advlearn.data.multilabel.store import Images, MultiLabelSplit
from advlearn.learners.batches import SAMPLE, images_at_once, in_batches
from advlearn.metrics.average_precision import mean_average_precision
from advlearn.metrics.logits import check_shape
from advlearn.settings.multilabel import MultiLabelTraining
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.errors import UserError
from advlearn.support.seeds import derive_seed
from advlearn.training.fit import check_batch_size, make_optimiser, shuffled, training_mode
from advlearn.training.loop import Loop


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to.

    Attributes:
        epoch: its number, from 1.
        loss: mean over the training images of the loss summed over the labels.
        validation_map: mean average precision over classes on the validation split.
    """

    epoch: int
    loss: float
    validation_map: float


def fit(
    network: nn.Module,
    train: MultiLabelSplit,
    validation: MultiLabelSplit,
    settings: MultiLabelTraining,
    seed: int,
    after_epoch: Callable[[Epoch], None] = lambda epoch: None,
    checkpoint: Checkpoint | None = None,
) -> list[Epoch]:
    """Train ``network`` in place; it is left in evaluation mode at the weights of its best epoch.

    The best epoch is the first of those with the highest mean average precision over classes on the
    validation split. Images are read a batch at a time. With ``trainable: head`` the last linear
    layer alone is trained, on features that are computed once in evaluation mode.

    Args:
        network: module from images (n, c, h, w) in [0, 1] to logits (n, classes).
        train: images to train on.
        validation: images to choose the epoch by.
        settings: epochs, optimiser, schedule, what is trained.
        seed: decides the order of the images, dropout and augmentation.
        after_epoch: called after each epoch.
        checkpoint: progress of the job, from which the training resumes.

    Returns:
        What each epoch came to.

    Raises:
        UserError: the loss or the logits are no longer finite, no validation image has a label,
            ``trainable`` is head and the network does not end in a linear layer, or batches of one
            image for a network with batch normalisation.
    """
    if not validation.labels.any():
        raise UserError(
            "no validation image has a label, so that no epoch can be chosen",
            where="validation split of the prepared data",
            remedy="set more validation images aside",
        )
    if settings.trainable == "head":
        head = _last_linear(network)
        of_train = _features(network, head, train, settings.batch_size)
        of_validation = _features(network, head, validation, settings.batch_size)
        rest = settings.model_copy(update={"trainable": "all"})
        history = fit(head, of_train, of_validation, rest, seed, after_epoch, checkpoint)
        network.eval()
        return history
    device = next(network.parameters()).device
    order = torch.Generator().manual_seed(derive_seed(seed, "order"))
    changes = torch.Generator().manual_seed(derive_seed(seed, "augmentation"))
    torch.manual_seed(derive_seed(seed, "dropout"))
    targets = torch.from_numpy(train.labels).float()
    optimiser = make_optimiser(network, settings.optimiser, settings.learning_rate)
    check_batch_size(network, settings.batch_size)
    # The batches of any order are as many.
    a_draw = shuffled(len(targets), settings.batch_size, torch.Generator())
    steps = settings.epochs * len(a_draw)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: (
            (1 + math.cos(math.pi * step / steps)) / 2 if settings.schedule == "cosine" else 1.0
        ),
    )
    loop = Loop(network, optimiser, (order,), (changes,), schedule, checkpoint)
    history = [Epoch(*row) for row in loop.values.setdefault("history", [])]
    for number in loop.epochs(settings.epochs):
        total = loop.tensors.setdefault("total", torch.zeros((), device=device))
        for positions in loop.batches(shuffled(len(targets), settings.batch_size, order)):
            images = torch.from_numpy(train.images[positions.numpy()])
            if settings.augment:
                images = augmented(images, changes)
            wanted = targets[positions].to(device)
            training_mode(network, len(wanted))
            optimiser.zero_grad(set_to_none=True)
            loss = binary_cross_entropy_with_logits(
                network(images.to(device)), wanted, reduction="sum"
            )
            (loss / len(wanted)).backward()
            optimiser.step()
            schedule.step()
            total += loss.detach()
        mean = float(loop.tensors.pop("total")) / len(targets)
        logits = all_scores(network, validation.images, settings.batch_size)
        bad = int((~np.isfinite(logits).all(axis=1)).sum())
        if not math.isfinite(mean) or bad:
            raise UserError(
                f"training diverged: the mean loss is {mean}, logits of {bad} of {len(logits)}"
                " validation images are not finite",
                where="configuration key 'topk.models.MODEL.training.learning_rate'",
                remedy="use a smaller learning rate",
            )
        epoch = Epoch(number, mean, mean_average_precision(logits, validation.labels))
        if all(epoch.validation_map > earlier.validation_map for earlier in history):
            for name, value in network.state_dict().items():
                loop.tensors[f"best/{name}"] = value.clone()
        history.append(epoch)
        loop.values["history"].append(astuple(epoch))
        after_epoch(epoch)
    best = {name.removeprefix("best/"): value for name, value in loop.tensors.items()}
    network.load_state_dict(best)
    network.eval()
    return history


@torch.no_grad()
def all_scores(network: nn.Module, images: Images, on_cpu: int) -> np.ndarray:
    """Logits float32 (n, classes) of all ``images``, a batch at a time, in evaluation mode.

    Args:
        network: module from images (n, c, h, w) in [0, 1] to logits (n, classes).
        images: float32 (n, c, h, w), read a batch at a time.
        on_cpu: images in one pass on a CPU; on a GPU as many as fit into its memory.

    Raises:
        UserError: no images, logits that are no table with a row an image, or one image does not
            fit into the device's memory.
    """
    logits = torch.cat(_passes(network, images, on_cpu, lambda batch: network(batch).cpu()))
    check_shape(logits, len(images))
    scores: np.ndarray = logits.numpy()
    return scores


@torch.no_grad()
def _passes(
    network: nn.Module, images: Images, on_cpu: int, read: Callable[[Tensor], Tensor]
) -> list[Tensor]:
    """``read`` of each batch of the images, on the network's device and in evaluation mode."""
    if not len(images):
        raise UserError(
            "a network is evaluated on at least one image",
            where="a split without images",
            remedy="use more images",
        )
    device = next(network.parameters()).device
    network.eval()
    parts: list[Tensor] = []
    few = torch.from_numpy(images[:SAMPLE])
    size = images_at_once(network, few, on_cpu=on_cpu, gradient=False)

    def go_on(part: slice) -> None:
        parts.append(read(torch.from_numpy(images[part]).to(device)))

    in_batches(len(images), size, go_on)
    return parts


def augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    """Flip, shift and brighten images (n, c, h, w) in [0, 1], each in its own way.

    A mirror image in half the cases, a shift by at most a tenth of each side with the border
    repeated, and a factor of brightness in [0.8, 1.2], within [0, 1].
    """
    draw = torch.rand(len(images), 4, generator=generator)
    motion = torch.zeros(len(images), 2, 3)
    motion[:, 0, 0] = torch.where(draw[:, 0] < 0.5, -1.0, 1.0)
    motion[:, 1, 1] = 1
    # The coordinates of a side run from -1 to 1.
    motion[:, :, 2] = 0.4 * (draw[:, 1:3] - 0.5)
    grid = affine_grid(motion, list(images.shape), align_corners=False)
    moved = grid_sample(images, grid, padding_mode="border", align_corners=False)
    return (moved * (0.8 + 0.4 * draw[:, 3].view(-1, 1, 1, 1))).clamp(0, 1)


def _last_linear(network: nn.Module) -> nn.Linear:
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise _no_head()
    return layers[-1]


def _features(
    network: nn.Module, head: nn.Linear, split: MultiLabelSplit, on_cpu: int
) -> MultiLabelSplit:
    """The split with what enters ``head`` in place of the images: float32 (n, features)."""
    found: list[Tensor] = []

    def read(batch: Tensor) -> Tensor:
        seen: list[Tensor] = []
        hook = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
        try:
            logits: Tensor = network(batch).cpu()
        finally:
            hook.remove()
        found.extend(each.cpu() for each in seen)
        return logits

    logits = torch.cat(_passes(network, split.images, on_cpu, read))
    features = torch.cat(found)
    with torch.no_grad():
        again = head(features.to(head.weight.device)).cpu()
    if again.shape != logits.shape or not torch.allclose(again, logits, rtol=1e-3, atol=1e-3):
        raise _no_head()
    return MultiLabelSplit(split.labels, split.names, features.numpy())


def _no_head() -> UserError:
    return UserError(
        "the network does not end in a linear layer whose logits it returns",
        where="configuration key 'topk.models.MODEL.training.trainable', value 'head'",
        remedy="use 'trainable: all', or a network that ends in a linear layer",
    )
