"""Transferability: how classifiers rank the labels of images perturbed for one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from advlearn.attacks.topk.variable import TanhVariable
from advlearn.data.multilabel.store import MultiLabelSplit
from advlearn.learners.batches import forward
from advlearn.metrics.accuracy import all_logits
from advlearn.metrics.ranking import MEASURES, measures, top_k_mask
from advlearn.studies.topk.settings.jobs import TopkTransferJob
from advlearn.support.checkpoint import SavedState
from advlearn.support.seeds import derive_seed

NOISE = "noise"
"""The control: random perturbations, each as long as the attack's on the same image."""


@dataclass(frozen=True)
class TransferEvaluator:
    """Evaluates every classifier of a run on images that were perturbed for one of them.

    Attributes:
        networks: name -> classifier.
        test: the clean images.
        job: methods, k and number of specified labels.
        seed: run seed, from which noise is drawn.
    """

    networks: Mapping[str, nn.Module]
    test: MultiLabelSplit
    job: TopkTransferJob
    seed: int

    def rows_of_attack(
        self, source: str, outcomes: pd.DataFrame, images: np.ndarray, cell: int
    ) -> SavedState:
        """Rows of one attack on one classifier; for the first attack also those of the control.

        Args:
            source: name of the classifier that was attacked.
            outcomes: of all attacks on it, a row an image.
            images: the perturbed images of these rows (n, channels, height, width).
            cell: number of the attack.
        """
        mine = (outcomes["cell"] == cell).to_numpy()
        outcomes, perturbed = outcomes[mine], np.array(images[mine])
        rows = self._rows(source, self.job.methods[cell], outcomes, perturbed)
        if cell == 0:
            rows += self._rows(source, NOISE, outcomes, self.with_noise(outcomes))
        return {"rows": rows}

    def with_noise(self, outcomes: pd.DataFrame) -> np.ndarray:
        """The clean images of these rows with Gaussian noise of the attack's l2 length."""
        noisy = np.empty((len(outcomes), *self.test.images.shape[1:]), dtype=np.float32)
        for row, (position, length) in enumerate(
            zip(outcomes["image"], outcomes["l2"], strict=True)
        ):
            clean = self._clean([int(position)]).numpy()[0]
            own_seed = derive_seed(self.seed, "topk", "noise", self.test.names[position])
            shift = np.random.default_rng(own_seed).standard_normal(clean.shape)
            shift *= length / np.linalg.norm(shift)
            # Most pixels of a scene are black: noise clipped there would be a weaker control.
            moved = clean + shift
            moved = np.where((moved < 0) | (moved > 1), clean - shift, moved)
            noisy[row] = np.clip(moved, 0, 1)
        return noisy

    def _clean(self, positions: list[int]) -> Tensor:
        """The images as the attack measures them: squashed where it begins at squashed images."""
        images = torch.from_numpy(self.test.images[positions])
        return TanhVariable(self.job.clean_map).clean(images)

    def _rows(
        self, source: str, method: str, outcomes: pd.DataFrame, perturbed: np.ndarray
    ) -> list[dict[str, Any]]:
        """Share without a specified label in the top k, and changes of measures, by target."""
        positions, k = [int(position) for position in outcomes["image"]], self.job.k
        clean = self._clean(positions)
        relevant = torch.from_numpy(self.test.labels[positions])
        wanted = torch.from_numpy(_as_masks(outcomes["specified"], relevant))
        rows = []
        for target, network in self.networks.items():
            before = _logits(network, clean, relevant)
            after = _logits(network, torch.from_numpy(perturbed), relevant)
            there = (wanted & top_k_mask(before, k)).any(1)
            gone = ~(wanted & top_k_mask(after, k)).any(1)
            change = measures(after, relevant, k) - measures(before, relevant, k)
            n = int(there.sum())
            found = {"asr": gone.double()}
            found |= {f"delta_{name}": change[:, at] for at, name in enumerate(MEASURES)}
            rows += [
                {
                    "source": source,
                    "target": target,
                    "method": method,
                    "k": k,
                    "n_specified": self.job.n_specified,
                    "metric": metric,
                    "value": float(values[there].mean()) if n else None,
                    "n": n,
                }
                for metric, values in found.items()
            ]
        return rows


def _as_masks(column: pd.Series, like: Tensor) -> np.ndarray:
    return np.array(column.tolist(), dtype=bool).reshape(like.shape)


def _logits(network: nn.Module, images: Tensor, relevant: Tensor) -> Tensor:
    if not len(images):
        return torch.zeros(relevant.shape)
    return forward(network, images, partial(all_logits, network, images), on_cpu=64)
