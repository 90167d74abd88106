"""Which labels are to leave the top k, which images can be attacked, and when an attack is done.

Y are the relevant labels of an image, S the specified ones, and R is Y without S. Under the global
scheme S is one set for all images; under the random scheme it is drawn for each image from the
relevant labels in its clean top k. Source: Section 2.1 of the method's description.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from advlearn.metrics.ranking import measures, top_k_mask
from advlearn.settings.topk import Knowledge
from advlearn.support.errors import UserError
from advlearn.support.seeds import derive_seed

# A measure is a sum of at most k fractions; this is far above their rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class TopkTargets:
    """What the attacker knows and wants, one row an image.

    Attributes:
        relevant: Y as the attacker sees it, bool (n, c).
        specified: S, bool (n, c).
        k: cut-off, 1 to c - 1.
        truth: Y as it is, bool (n, c), by which the outcome is judged; by default ``relevant``.

    Raises:
        UserError: shapes or types differ, or k leaves no label outside.
    """

    relevant: Tensor
    specified: Tensor
    k: int
    truth: Tensor | None = None

    def __post_init__(self) -> None:
        masks = [self.relevant, self.specified, self.true_relevant]
        wanted = self.relevant.shape, torch.bool
        if self.relevant.ndim != 2 or any((mask.shape, mask.dtype) != wanted for mask in masks):
            raise UserError(
                "relevant, specified and true labels must be bool masks of one shape (n, c)",
                where=", ".join(f"{mask.dtype} {tuple(mask.shape)}" for mask in masks),
                remedy="give one row for each image and one column for each label",
            )
        if not 1 <= self.k < self.relevant.shape[1]:
            raise UserError(
                "a label can leave the top k only if k is below the number of labels",
                where=f"k={self.k} with {self.relevant.shape[1]} labels",
                remedy="choose k from 1 to the number of labels minus 1",
            )

    @property
    def true_relevant(self) -> Tensor:
        """The relevant labels by which the outcome is judged, bool (n, c)."""
        return self.relevant if self.truth is None else self.truth

    def __len__(self) -> int:
        return len(self.relevant)

    def __getitem__(self, rows: Tensor | slice) -> TopkTargets:
        """The targets of some images; ``rows``: positions, a mask, or a slice."""
        truth = None if self.truth is None else self.truth[rows]
        return TopkTargets(self.relevant[rows], self.specified[rows], self.k, truth)

    def to(self, device: torch.device) -> TopkTargets:
        """The same targets on another device."""
        truth = None if self.truth is None else self.truth.to(device)
        return TopkTargets(self.relevant.to(device), self.specified.to(device), self.k, truth)

    def with_true_relevant(self) -> TopkTargets:
        """The targets of an attacker who knows the true relevant labels."""
        return TopkTargets(self.true_relevant, self.specified, self.k)


def global_targets(
    logits: Tensor, relevant: Tensor, specified: Sequence[int], k: int
) -> tuple[Tensor, TopkTargets]:
    """The same labels S for every image.

    An image is eligible if |Y| >= k + |S and Y|, so that other relevant labels can fill the top k,
    and at least one relevant label of S is in the clean top k.

    Args:
        logits: of the clean images as the network sees them, (n, c).
        relevant: bool (n, c).
        specified: indices of S.
        k: cut-off.

    Returns:
        Eligibility, bool (n,), all of which may be False, and the targets of all n images.

    Raises:
        UserError: an index is no label, S is empty, or k is out of range.
    """
    n_labels = logits.shape[1]
    if not specified or not all(0 <= index < n_labels for index in specified):
        raise UserError(
            "the specified labels must be indices of labels, at least one",
            where=f"specified {list(specified)} with {n_labels} labels",
            remedy=f"give indices from 0 to {n_labels - 1}",
        )
    chosen = torch.zeros_like(relevant)
    chosen[:, list(specified)] = True
    targets = TopkTargets(relevant, chosen, k)
    involved = chosen & relevant
    room = relevant.sum(1) >= k + involved.sum(1)
    return room & (involved & top_k_mask(logits, k)).any(1), targets


def random_targets(
    logits: Tensor,
    relevant: Tensor,
    k: int,
    n_specified: int,
    image_ids: Sequence[object],
    seed: int,
) -> tuple[Tensor, TopkTargets]:
    """For each image, ``n_specified`` labels drawn from its relevant labels in the clean top k.

    An image is eligible if there are that many, and |Y| >= k + n_specified. The draw depends on the
    seed and the image's id alone, and a larger draw contains a smaller one of the same candidates.

    Args:
        logits: of the clean images as the network sees them, (n, c).
        relevant: bool (n, c).
        k: cut-off.
        n_specified: labels an image, at least 1.
        image_ids: a name or number for each image, n of them.
        seed: decides the draws.

    Returns:
        Eligibility, bool (n,), all of which may be False, and the targets of all n images;
        nothing is specified where an image is not eligible.

    Raises:
        UserError: no label is to be drawn, ids are missing, or k is out of range.
    """
    if n_specified < 1:
        raise UserError(
            "at least one label must be specified",
            where=f"n_specified={n_specified}",
            remedy="give a number from 1 to k",
        )
    candidates = relevant & top_k_mask(logits, k)
    eligible = (candidates.sum(1) >= n_specified) & (relevant.sum(1) >= k + n_specified)
    chosen = _draw(candidates, n_specified, image_ids, seed, "specified")
    return eligible, TopkTargets(relevant, chosen & eligible[:, None], k)


def uncertain_targets(
    targets: TopkTargets,
    logits: Tensor,
    image_ids: Sequence[object],
    *,
    knowledge: Knowledge = "truth",
    hidden: float = 0.0,
    seed: int = 0,
) -> TopkTargets:
    """The same targets for an attacker who does not know the relevant labels for certain.

    - ``knowledge="inferred"``: he takes for relevant what the model does on the clean image,
      logits above 0 and in any case the top k.
    - ``hidden``: that share of the labels in his view, rounded, is removed from it. He always
      keeps the labels that he specified, and one other label if he had any. Growing shares
      remove growing sets.

    Eligibility and S stay those of the true labels, so that the same images with the same task are
    compared, and outcomes are judged by the truth.

    Args:
        targets: of an attacker who knows everything.
        logits: of the clean images as the network sees them, (n, c).
        image_ids: a name or number for each image, n of them.
        knowledge: truth or inferred.
        hidden: share of the labels that are not specified, in [0, 1).
        seed: decides which labels are hidden, for each image by its id.

    Raises:
        UserError: ids are missing.
    """
    view = targets.relevant
    if knowledge == "inferred":
        view = (logits > 0) | top_k_mask(logits, targets.k)
    others = view & ~targets.specified
    count = others.sum(1)
    removed = torch.minimum((hidden * count).round().long(), (count - 1).clamp(min=0))
    view = view & ~_draw(others, removed, image_ids, seed, "hidden")
    return replace(targets, relevant=view, truth=targets.true_relevant)


@dataclass(frozen=True)
class Goal:
    """When an attack on the images of a batch has succeeded, in the eyes of ``targets.relevant``.

    Attributes:
        targets: what is wanted.
        floor: what the four measures must not fall below (:data:`~advlearn.metrics.ranking.
            MEASURES`), float64 (n, 4); None: they do not matter.
    """

    targets: TopkTargets
    floor: Tensor | None = None


def build_goal(targets: TopkTargets, clean_logits: Tensor, success: str) -> Goal:
    """What counts as success: ``removed`` or ``strict`` of the settings."""
    if success == "removed":
        return Goal(targets)
    return Goal(targets, measures(clean_logits, targets.relevant, targets.k))


def reached(logits: Tensor, goal: Goal) -> Tensor:
    """No relevant specified label in the top k, and no measure below its floor; bool (n,)."""
    targets = goal.targets
    wanted = targets.specified & targets.relevant
    gone = ~(wanted & top_k_mask(logits, targets.k)).any(1)
    if goal.floor is None:
        return gone
    kept = measures(logits, targets.relevant, targets.k) >= goal.floor - _ROUNDING
    return gone & kept.all(1)


def _draw(
    candidates: Tensor, count: Tensor | int, image_ids: Sequence[object], seed: int, purpose: str
) -> Tensor:
    """``count`` of each image's candidates: those with the smallest of its random keys."""
    if len(image_ids) != len(candidates):
        raise UserError(
            "each image needs an id of its own, from which its labels are drawn",
            where=f"{len(image_ids)} ids for {len(candidates)} images",
            remedy="give as many ids as images",
        )
    n_labels = candidates.shape[1]
    keys = np.ones(candidates.shape)
    for row, name in enumerate(image_ids):
        keys[row] = np.random.default_rng(derive_seed(seed, purpose, str(name))).random(n_labels)
    drawn = torch.from_numpy(keys).to(candidates.device).masked_fill(~candidates, torch.inf)
    places = drawn.argsort(dim=1).argsort(dim=1)
    limit = count[:, None] if isinstance(count, Tensor) else count
    return candidates & (places < limit)
