"""Attacks on multi-label classifiers: they push labels out of the top k.

``attack(model, inputs, labels) -> AttackResult``, as for images; labels are sets of labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from advlearn.api.arrays import given, masks
from advlearn.api.results import AttackResult
from advlearn.attacks import topk
from advlearn.attacks.topk import TopkTargets
from advlearn.metrics.ranking import top_k_mask
from advlearn.settings.base import objection
from advlearn.settings.topk import Method, TopkAttackSettings, sound
from advlearn.support.errors import UserError, unknown_name


class TopkAttack:
    """What all attacks on the top k share; each perturbation is short in l2.

    Args:
        k: cut-off; the labels with the k largest logits are shown.
        chosen: labels that are to leave the top k, the same for all inputs. None: of each input,
            ``n_chosen`` relevant labels of its top k, drawn by the seed.
        n_chosen: how many are drawn.
        settings: further settings (:class:`advlearn.settings.topk.TopkAttackSettings`), such as
            ``iterations``, ``learning_rate``, ``success`` ("removed" or "strict") and ``keep``.

    Raises:
        UserError: a value out of its range, or a setting that there is not.
    """

    method: Method

    def __init__(
        self, k: int, *, chosen: Sequence[int] | None = None, n_chosen: int = 1, **settings: Any
    ) -> None:
        self.k, self.chosen, self.n_chosen = k, chosen, n_chosen
        try:
            self.settings: TopkAttackSettings = sound(self.method, **settings)
        except ValidationError as error:
            wrong = "; ".join(
                f"{item['loc'][0]}: {objection(item, TopkAttackSettings)}"
                for item in error.errors(include_url=False)
            )
            raise UserError(
                f"{type(self).__name__} cannot be built: {wrong}",
                where="its arguments",
                remedy=f"use {', '.join(TopkAttackSettings.model_fields)}",
            ) from error

    def __call__(
        self, model: nn.Module, inputs: Any, labels: Any, *, targets: Any = None, seed: int = 0
    ) -> AttackResult:
        """Attack the inputs of which it makes sense to ask.

        That is, of which a chosen label is relevant and in the top k, and whose other relevant
        labels can fill the top k; what is not attacked comes back as it was.

        Args:
            model: network (n, ...) -> logits (n, labels).
            inputs: (n, ...) in [0, 1], numpy or torch, of the type of the network's weights.
            labels: bool (n, labels), the relevant labels of each input.
            targets: bool (n, labels): labels that are to leave the top k, of each input its own;
                in place of ``chosen``.
            seed: decides the draw.

        Raises:
            UserError: arrays that do not fit, or a network whose logits or gradients are not
                finite.
        """
        batch = given(model, inputs)
        images, relevant = batch.images, masks(labels, batch.images, "labels")
        wanted = None if targets is None else masks(targets, images, "targets")
        found = images.clone()
        reached = torch.zeros(len(images), dtype=torch.bool, device=images.device)
        eligible = reached.clone()
        distance = torch.zeros(len(images), dtype=torch.float64, device=images.device)
        if len(images):
            logits = topk.clean_logits(model, images, self.settings).to(relevant.device)
            eligible, goals = self._goals(logits, relevant, wanted, seed)
            rows = eligible.nonzero().squeeze(1)

            def keep(positions: list[int], perturbed: Tensor) -> None:
                found[positions] = perturbed.to(found.device, found.dtype)

            outcome = topk.run(
                model, images, goals[rows], self.settings, positions=rows.tolist(), sink=keep
            )
            reached[rows] = outcome.success.to(reached.device)
            distance[rows] = outcome.l2.to(distance.device)
        return AttackResult(
            batch.back(found), batch.back(reached), batch.back(eligible), batch.back(distance), "l2"
        )

    def _goals(
        self, logits: Tensor, relevant: Tensor, wanted: Tensor | None, seed: int
    ) -> tuple[Tensor, TopkTargets]:
        _check_width(logits, relevant, "labels")
        if wanted is not None:
            _check_width(logits, wanted, "targets")
            goals = TopkTargets(relevant, wanted, self.k)
            involved = wanted & relevant
            room = relevant.sum(1) >= self.k + involved.sum(1)
            return room & (involved & top_k_mask(logits, self.k)).any(1), goals
        if self.chosen is not None:
            return topk.global_targets(logits, relevant, self.chosen, self.k)
        ids = range(len(relevant))
        return topk.random_targets(logits, relevant, self.k, self.n_chosen, ids, seed)


class TkMIA(TopkAttack):
    """T_kMIA (arXiv 2309.00007): labels leave the top k while the measures hardly change."""

    method = "tkmia"


class TkMLAPU(TopkAttack):
    """TkML-AP-U: the ranking attack that T_kMIA is compared with."""

    method = "tkml_ap_u"


class KFool(TopkAttack):
    """kFool: DeepFool for the top k."""

    method = "kfool"


class MLCWU(TopkAttack):
    """ML-CW-U: Carlini and Wagner's attack for several labels.

    Args:
        k: as for :class:`TopkAttack`, like all others but
        loss: a, b or c (:mod:`advlearn.deviations.topk`).
        chosen: labels to push out.
        n_chosen: how many are drawn.
        settings: further settings.
    """

    def __init__(
        self,
        k: int,
        *,
        loss: Literal["a", "b", "c"] = "a",
        chosen: Sequence[int] | None = None,
        n_chosen: int = 1,
        **settings: Any,
    ) -> None:
        losses: dict[str, Method] = {"a": "ml_cw_u_a", "b": "ml_cw_u_b", "c": "ml_cw_u_c"}
        if loss not in losses:
            raise unknown_name("loss", loss, list(losses), where="argument loss")
        self.method = losses[loss]
        super().__init__(k, chosen=chosen, n_chosen=n_chosen, **settings)


class ProjectedTopk(TopkAttack):
    """Projected descent in balls of growing radius; holds the other labels where they are."""

    method = "projected"


def _check_width(logits: Tensor, mask: Tensor, name: str) -> None:
    if mask.shape[1] != logits.shape[1]:
        raise UserError(
            f"{name} have {mask.shape[1]} columns, the network has {logits.shape[1]} labels",
            where=f"argument {name}",
            remedy="give one column a logit",
        )
