"""The benchmark of the attacks on the top k: both sides do the same on a small network."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from advlearn.settings.network import NetworkSettings
from advlearn.settings.topk import authors
from benchmarks import topk
from tests.helpers.scenes import scenes, small_network


def test_both_sides_agree_and_a_row_has_the_columns_of_the_report() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        relevant = torch.ones((12, 9), dtype=torch.bool)
        settings = authors("tkmia", learning_rate=0.02, iterations=20)
        row: dict[str, Any] = dict(
            topk.compare("small", small_network(), scenes(12), relevant, settings, 6, 4, 1)
        )
    finally:
        torch.set_num_threads(threads)
    assert row["images"] == 6
    assert row["disagreements"] == 0
    assert row["ratio"] == pytest.approx(row["peer_s"] / row["ours_s"])
    assert 0 < row["iterations"] <= 20
    assert row["ours_images_per_s"] == pytest.approx(6 / row["ours_s"])


def test_training_lowers_the_loss() -> None:
    generator = torch.Generator().manual_seed(0)
    relevant = torch.rand((64, 3), generator=generator) < 0.5
    images = relevant[:, :, None, None].float().mean(1, keepdim=True) * torch.ones(64, 1, 16, 16)
    network = NetworkSettings(name="cnn", channels=(8, 16), hidden=(32,))
    model = topk.train(network, 1e-2, images, relevant, epochs=6)
    assert not model.training
    with torch.no_grad():
        assert model(images).shape == (64, 3)
        truth = relevant.float()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(images), truth)
    assert float(loss) < 0.69
