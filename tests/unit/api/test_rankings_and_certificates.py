"""Attacks on rankings and certificates by the public interface."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import advlearn
from advlearn.certificates import radius
from advlearn.learners.convex import unit_graph

ANY: Any = "d"
Scene = tuple[nn.Module, Tensor, Tensor]


@pytest.fixture(scope="module")
def scene() -> Scene:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 8))
    images = torch.rand(40, 1, 8, 8)
    return network, images, torch.rand(40, 8) < 0.7


@pytest.mark.parametrize(
    "attack",
    [
        advlearn.TkMIA(3, iterations=30),
        advlearn.TkMLAPU(3, iterations=30),
        advlearn.KFool(3),
        advlearn.MLCWU(3, loss="c", iterations=30),
        advlearn.ProjectedTopk(3, iterations=30),
    ],
    ids=lambda attack: type(attack).__name__,
)
def test_chosen_labels_leave_the_top_k(attack: Any, scene: Scene) -> None:
    network, images, relevant = scene
    chosen = relevant & (torch.arange(8) < 2)
    found = attack(network, images, relevant, targets=chosen)
    assert found.attacked.any()
    assert not found.attacked.all()
    assert found.success_rate > 0
    top = torch.zeros_like(relevant).scatter(1, network(found.adversarial).topk(3).indices, True)
    assert not (top & chosen)[found.success].any()
    untouched = ~found.attacked
    assert torch.equal(found.adversarial[untouched], images[untouched])
    length = torch.linalg.vector_norm((found.adversarial - images).flatten(1), dim=1).double()
    torch.testing.assert_close(found.distance, length, rtol=1e-3, atol=1e-3)
    arrays = attack(network, images.numpy(), relevant.numpy(), targets=chosen.numpy())
    assert np.array_equal(arrays.adversarial, found.adversarial.numpy())


def test_own_labels_of_each_input_agree_with_the_same_for_all(scene: Scene) -> None:
    network, images, relevant = scene
    masks = (torch.arange(8) < 2).expand(40, 8)
    all_alike = advlearn.TkMIA(3, chosen=[0, 1], iterations=20)(network, images, relevant)
    each = advlearn.TkMIA(3, iterations=20)(network, images, relevant, targets=masks)
    assert torch.equal(all_alike.attacked, each.attacked)
    assert torch.equal(all_alike.adversarial, each.adversarial)


def test_drawn_labels_depend_on_the_seed(scene: Scene) -> None:
    first, again, other = (
        advlearn.TkMIA(3, iterations=5)(*scene, seed=seed).adversarial for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m, x, y: advlearn.TkMIA(3, itertions=5), "did you mean 'iterations'"),
        (lambda m, x, y: advlearn.MLCWU(3, loss=ANY), "unknown loss"),
        (lambda m, x, y: advlearn.TkMIA(8)(m, x, y), "below the number of labels|k"),
        (lambda m, x, y: advlearn.TkMIA(3)(m, x, y.long()), "labels must be truth values"),
        (lambda m, x, y: advlearn.TkMIA(3)(m, x, y[:, :5]), "5 columns, the network has 8"),
        (lambda m, x, y: advlearn.TkMIA(3)(m, x, y, targets=y[1:]), "targets must be truth"),
        (lambda m, x, y: advlearn.TkMIA(3, chosen=[9])(m, x, y), "indices of labels"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(call: Any, said: str, scene: Scene) -> None:
    with pytest.raises(advlearn.UserError, match=said):
        call(*scene)


def test_a_certificate_is_that_of_the_library() -> None:
    points = np.random.default_rng(0).normal(size=(12, 2)) * 0.3
    points[6:] += 5
    clustering = advlearn.ConvexClustering(0.2, weights="unit").fit(points)
    proof = advlearn.certify(clustering, points, budget="frobenius")
    expected = radius(points, clustering.labels_, unit_graph(12), 0.2, budget="frobenius")
    assert proof.radius == expected.value > 0
    assert proof.exact
    assert proof.gamma_low <= 0.2 < proof.gamma_high
    within = advlearn.Frobenius(proof.radius).random(points.shape, np.random.default_rng(1))
    moved = advlearn.ConvexClustering(0.2, weights="unit").fit(points + within)
    assert advlearn.delta(clustering.labels_, moved.labels_) == 0
    # Weights that depend on the points move with them, which certifies less.
    near = advlearn.ConvexClustering(5.0, weights="gaussian").fit(points)
    radii = [advlearn.certify(near, points, weights=kind).radius for kind in ("auto", "fixed")]
    assert 0 < radii[0] < radii[1]


def test_certificates_refuse_what_was_not_fitted() -> None:
    points = np.zeros((5, 2))
    with pytest.raises(advlearn.UserError, match="fitted clustering"):
        advlearn.certify(advlearn.ConvexClustering(), points)
    clustering = advlearn.ConvexClustering(weights="unit").fit(np.arange(12.0).reshape(6, 2))
    with pytest.raises(advlearn.UserError, match="not the points"):
        advlearn.certify(clustering, points)


def test_deviations_take_arrays_and_refuse_other_types() -> None:
    logits, labels = np.array([[2.0, 0.5, 0.0]]), np.array([1], dtype=np.int16)
    assert advlearn.margin(logits, labels) == pytest.approx([-1.5])
    assert torch.equal(
        advlearn.margin(torch.tensor(logits), torch.tensor([1])), torch.tensor([-1.5]).double()
    )
    with pytest.raises(advlearn.UserError, match="logits must be floating"):
        advlearn.margin(np.array([[2, 0]]), labels)
    with pytest.raises(advlearn.UserError, match="labels must be whole"):
        advlearn.margin(logits, np.array([1.0]))
