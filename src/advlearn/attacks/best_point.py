"""Attacks that keep the best point of each image: what APGD, FAB and Square Attack share.

They serve to judge a network, not to train one. An image that is misclassified without attack stays
as it is; an attacked one leaves as soon as a point fools the network, and else keeps the best point
that was seen. Runs (restarts, targets) follow one another, each on the images that withstood those
before. What becomes of an image depends on the seed, its position and the number of images, not on
the other images of a batch or on which images others have fooled before.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from advlearn.attacks.ascent import check_inputs
from advlearn.attacks.min_effort import broadcast_like
from advlearn.budgets import Budget
from advlearn.deviations import negative_margin
from advlearn.learners.batches import images_at_once, in_batches
from advlearn.metrics.logits import check_classes, logits_of
from advlearn.problem.evasion import frozen
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.finite import deferred, look_every

Rows = dict[str, Tensor]
"""One row an image of the batch that is not decided."""

_ON_CPU = 250


@dataclass
class Standing:
    """Where the evaluation of n images stands; attacks write into it.

    Attributes:
        robust: bool (n,), classified correctly so far.
        adversarial: (n, ...), the image that fooled the network; else the best point of the last
            attack, or the clean image.
        gradients: number of (image, step) pairs whose gradient was computed.
        queries: number of (image, query) pairs: forward passes of attacks that use no gradient.
    """

    robust: Tensor
    adversarial: Tensor
    gradients: int = 0
    queries: int = 0


class Run(NamedTuple):
    """One run of an attack.

    Attributes:
        network: in evaluation mode and frozen.
        number: of the run, from 0.
        plan: what :meth:`BestPointAttack.plan` returned.
    """

    network: nn.Module
    number: int
    plan: Any


@dataclass(frozen=True)
class BestPointAttack(ABC):
    """See the module.

    Args:
        budget: where the images may move to.
        restarts: independent runs.
        batch_size: images in one pass; None: by the device. It changes nothing but speed.
    """

    budget: Budget
    restarts: int = 1
    batch_size: int | None = None

    uses_gradient: ClassVar[bool]

    def run(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        seed: int,
        checkpoint: Checkpoint | None = None,
    ) -> Tensor:
        """Of each image a point that fools the network; else, of all runs, that nearest to it.

        Nearest is the one with the largest negative margin. The model is in evaluation mode while
        it is attacked and as before afterwards; the gradients of its parameters are not touched.

        Args:
            model: network (n, ...) -> logits (n, k), on the device of the images.
            images: clean images (n, ...) of a floating dtype, inside the budget's box.
            labels: int64 (n,).
            seed: decides all that is random.
            checkpoint: progress of the job, from which the attack resumes batch by batch, also
                with batches of another size; runs of one job differ in their seeds.

        Returns:
            Adversarial images like ``images``; one that is misclassified already is returned as
            it is.

        Raises:
            UserError: images or labels that do not fit, a network whose logits or gradients are
                not finite or that has too few classes, or one image does not fit into the
                device's memory.
            BudgetViolation: the result is not inside the budget (a defect).
        """
        check_inputs(self.budget, images, labels)
        with frozen(model):
            size = images_at_once(
                model,
                images,
                on_cpu=_ON_CPU,
                gradient=self.uses_gradient,
                asked=self.batch_size,
            )
            standing = Standing(still_correct(model, images, labels, size), images.clone())
            self.pursue(model, images, labels, standing, seed, size, checkpoint)
        self.budget.check(images, standing.adversarial)
        return standing.adversarial

    def pursue(
        self,
        network: nn.Module,
        images: Tensor,
        labels: Tensor,
        standing: Standing,
        seed: int,
        size: int,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Attack the images that are robust so far, ``size`` at once; writes into ``standing``.

        Args:
            network: in evaluation mode and frozen.
            images: all clean images, checked.
            labels: all labels, checked.
            standing: of these images.
            seed: seed.
            size: images in one pass.
            checkpoint: as for :meth:`run`.
        """
        if not len(images):
            return
        n_classes = logits_of(network, images[:1]).shape[1]
        check_classes(labels, n_classes)
        checkpoint = checkpoint or Checkpoint.off()
        name = f"{type(self).__name__} {seed}"
        reached = images.new_full((len(images),), -torch.inf)
        arrays = {
            "robust": standing.robust,
            "adversarial": standing.adversarial,
            "reached": reached,
        }
        first, begin = 0, 0
        if kept := checkpoint.get(name):
            first, begin = kept["run"], kept["begin"]
            for key, one in arrays.items():
                one.copy_(torch.from_numpy(kept[key]))
        for number in range(first, self.runs(n_classes)):
            # Images are treated in their order: those before `begin` have had this run.
            left = standing.robust[begin:].nonzero().squeeze(1) + begin
            begin = 0
            if not len(left):
                continue
            starts = self.starts(images, seed, number)
            run = Run(network, number, self.plan(images, seed, number))

            def attack(
                part: slice, run: Run = run, left: Tensor = left, starts: Tensor = starts
            ) -> None:
                rows = left[part]
                found, passes = _decided(self, run, images[rows], labels[rows], starts[rows])
                gained = found["fooled"] | (found["reached"] > reached[rows])
                standing.adversarial[rows[gained]] = found["best"][gained]
                reached[rows[gained]] = found["reached"][gained]
                standing.robust[rows] = ~found["fooled"]
                if self.uses_gradient:
                    standing.gradients += passes
                else:
                    standing.queries += passes
                if checkpoint.due:
                    state = {key: one.cpu().numpy().copy() for key, one in arrays.items()}
                    where = {"run": run.number, "begin": int(rows[-1]) + 1}
                    checkpoint.put(name, {**where, **state})

            in_batches(len(left), size, attack)
        checkpoint.drop(name)

    def runs(self, n_classes: int) -> int:
        """Number of runs against a network of so many classes."""
        return self.restarts

    @abstractmethod
    def starts(self, images: Tensor, seed: int, run: int) -> Tensor:
        """Where each image of all begins in this run, inside ball and box."""

    def plan(self, images: Tensor, seed: int, run: int) -> Any:
        """What :meth:`step` is handed in this run, the same for all ``images`` (n, ...).

        Tensors are on their device: to bring one there at a step is to wait for the device.
        """
        return None

    @property
    @abstractmethod
    def steps(self) -> int:
        """Steps of a run after its start."""

    @abstractmethod
    def begin(self, run: Run, rows: Rows) -> None:
        """Add to ``rows`` what :meth:`step` keeps of each image."""

    @abstractmethod
    def step(self, run: Run, rows: Rows, number: int) -> None:
        """Step ``number`` of all images of the batch; 0 looks at the starts.

        It hands what it sees to :func:`keep_best`, and binds the tensors of ``rows`` anew instead
        of writing into them.
        """


def _decided(
    attack: BestPointAttack, run: Run, clean: Tensor, labels: Tensor, starts: Tensor
) -> tuple[Rows, int]:
    """``best``, ``reached`` and ``fooled`` of a batch after a run, and its number of passes."""
    every = look_every(clean.device)
    found = steps_of(attack, run, clean, labels, starts, every)
    if found is None:
        # A check has failed: the steps are made once more, and the check raises its error.
        found = steps_of(attack, run, clean, labels, starts, 1)
    assert found is not None
    return found


def steps_of(
    attack: BestPointAttack,
    run: Run,
    clean: Tensor,
    labels: Tensor,
    starts: Tensor,
    every: int,
    decided: Tensor | None = None,
) -> tuple[Rows, int] | None:
    """The steps of a run on a batch, looking every few steps.

    Args:
        attack: whose steps.
        run: the run.
        clean: (b, ...).
        labels: int64 (b,).
        starts: (b, ...).
        every: steps from one look to the next. With 1 a check that fails raises its error.
        decided: bool (m, b / m), images of each of the m networks of a stack that are not attacked;
            checks raise nothing then. None: the network is one, and all are attacked.

    Returns:
        ``best``, ``reached`` and ``fooled`` of all images and the number of passes; None where a
        check did not hold.
    """
    lowest = clean.new_full((len(clean),), -torch.inf)
    no = torch.zeros_like(labels, dtype=torch.bool)
    rows: Rows = {
        "position": torch.arange(len(clean), device=clean.device),
        "clean": clean,
        "label": labels,
        "iterate": starts,
        "best": starts,
        "value": lowest,
        "reached": lowest,
        "fooled": no if decided is None else decided.flatten(),
    }
    found = {key: rows[key].clone() for key in ("best", "reached", "fooled")}
    attack.begin(run, rows)
    passes = 0
    defers = every > 1 or decided is not None
    for first in range(0, attack.steps + 1, every):
        after = min(first + every, attack.steps + 1)
        with deferred() if defers else nullcontext() as checks:
            for number in range(first, after):
                passes += len(rows["position"])
                attack.step(run, rows, number)
        if checks is not None and not checks.hold():
            return None
        if after <= attack.steps and not bool(rows["fooled"].any()):
            continue
        leaving = rows["fooled"] if after <= attack.steps else torch.ones_like(rows["fooled"])
        gone, stay = _parted(leaving, 1 if decided is None else len(decided))
        for key, one in found.items():
            one[rows["position"][gone]] = rows[key][gone].to(one.dtype)
        if not len(stay):
            break
        rows = {key: one[stay] for key, one in rows.items()}
    return found, passes


def _parted(leaving: Tensor, members: int) -> tuple[Tensor, Tensor]:
    """Rows to write down, and rows that go on: as many of each network of a stack."""
    if members == 1:
        gone, stay = (which.nonzero().squeeze(1) for which in (leaving, ~leaving))
        return gone, stay
    every_row = torch.arange(len(leaving), device=leaving.device)
    by_member = leaving.view(members, -1)
    most = int((~by_member).sum(1).max())
    kept = by_member.to(torch.uint8).argsort(dim=1, stable=True)[:, :most]
    return every_row, every_row.view(members, -1).gather(1, kept).flatten()


def runs_of(restarts: int, targets: int | None, n_classes: int) -> int:
    """Runs with ``restarts`` for each of at most ``targets`` classes but the label (None: all).

    At least one run, which says where a network has no target.
    """
    others = n_classes - 1
    return restarts * max(1, others if targets is None else min(targets, others))


def goals(run: Run, rows: Rows, target: int) -> Tensor:
    """Label and target of each image, int64 (m, 2).

    Args:
        run: whose network says which classes are near.
        rows: the images.
        target: 0 is the class with the largest clean logit beside the label, and so on.
    """
    logits = logits_of(run.network, rows["clean"])
    others = logits.scatter(1, rows["label"][:, None], -torch.inf)
    order = others.argsort(stable=True, dim=1, descending=True)
    return torch.stack([rows["label"], order[:, target]], 1)


def keep_best(
    rows: Rows, points: Tensor, logits: Tensor, value: Tensor, among: Tensor | None = None
) -> Tensor:
    """Keep of each image what is better than all before, until it fools the network.

    Args:
        rows: changes ``best``, ``value`` (of that point), ``reached`` (its negative margin) and
            ``fooled``.
        points: (m, ...) that were looked at.
        logits: (m, k) of these.
        value: (m,), what is maximised.
        among: bool (m,), which points count: those inside the budget; None: all.

    Returns:
        bool (m,), whether the point is kept.
    """
    fools = logits.argmax(1) != rows["label"]
    if among is not None:
        fools, value = fools & among, value.masked_fill(~among, -torch.inf)
    better = ((value > rows["value"]) | fools) & ~rows["fooled"]
    rows["best"] = torch.where(broadcast_like(better, points), points, rows["best"])
    rows["value"] = torch.where(better, value, rows["value"])
    rows["reached"] = torch.where(better, negative_margin(logits, rows["label"]), rows["reached"])
    rows["fooled"] = rows["fooled"] | fools
    return better


def still_correct(network: nn.Module, images: Tensor, labels: Tensor, size: int) -> Tensor:
    """Which images are classified correctly, bool (n,), ``size`` in one pass.

    Raises:
        UserError: logits of a wrong shape or not finite, or a label that no class has.
    """
    right = torch.zeros_like(labels, dtype=torch.bool)

    def judge(part: slice) -> None:
        logits = logits_of(network, images[part])
        check_classes(labels[part], logits.shape[1])
        right[part] = logits.argmax(1) == labels[part]

    in_batches(len(images), size, judge)
    return right
