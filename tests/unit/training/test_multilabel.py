import numpy as np
import pytest
import torch
from torch import nn

from advlearn.data.multilabel.store import MultiLabelSplit, StoredImages
from advlearn.metrics.average_precision import mean_average_precision
from advlearn.support.errors import UserError
from advlearn.training.multilabel import Epoch, all_scores, augmented, fit
from tests.helpers.quarters import CLASSES, TRAIN, VALIDATION, network, training


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("mlp", {}),
        ("mlp", {"schedule": "constant"}),
        ("mlp", {"optimiser": "sgd", "learning_rate": 0.05}),
        ("resnet", {}),
        ("vit", {"batch_size": 8, "epochs": 20}),
    ],
)
def test_it_learns_and_is_left_ready(name: str, changes: dict[str, object]) -> None:
    trained = network(name)
    reported: list[Epoch] = []
    history = fit(
        trained, TRAIN, VALIDATION, training(**{"epochs": 12, **changes}), 0, reported.append
    )
    assert history == reported
    assert [epoch.epoch for epoch in history] == list(range(1, len(history) + 1))
    assert history[-1].loss < history[0].loss / 2
    assert max(epoch.validation_map for epoch in history) > 0.95
    assert not trained.training


def test_the_loss_is_summed_over_labels_and_averaged_over_images() -> None:
    frozen = network()
    for parameter in frozen.parameters():
        nn.init.zeros_(parameter)
    history = fit(frozen, TRAIN, VALIDATION, training(epochs=1, learning_rate=1e-12), 0)
    # Zero logits cost log 2 a label.
    assert history[0].loss == pytest.approx(CLASSES * np.log(2), rel=1e-5)


def test_the_best_epoch_is_kept() -> None:
    # So large a step makes the measure jump about from epoch to epoch.
    trained = network()
    history = fit(trained, TRAIN, VALIDATION, training(epochs=8, learning_rate=0.3), 3)
    values = [epoch.validation_map for epoch in history]
    assert values[-1] < max(values)
    found = mean_average_precision(all_scores(trained, VALIDATION.images, 16), VALIDATION.labels)
    assert found == max(values)


@pytest.mark.parametrize("changes", [{}, {"augment": True}])
def test_results_depend_on_the_seed_alone(changes: dict[str, object]) -> None:
    weights: list[torch.Tensor] = []
    for seed in (1, 1, 2):
        trained = network("dropout")
        torch.manual_seed(len(weights))  # the global generator must not matter
        fit(trained, TRAIN, VALIDATION, training(epochs=1, **changes), seed)
        weights.append(torch.cat([p.detach().flatten() for p in trained.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("name", ["mlp", "resnet", "vit"])
def test_head_trains_the_last_layer_alone(name: str) -> None:
    trained, before = network(name), network(name).state_dict()
    history = fit(trained, TRAIN, VALIDATION, training(epochs=30, trainable="head"), 0)
    assert history[-1].loss < history[0].loss
    changed = {
        key for key, value in trained.state_dict().items() if not torch.equal(value, before[key])
    }
    last = list(before)[-1].removesuffix("bias")
    assert changed == {f"{last}weight", f"{last}bias"}
    found = mean_average_precision(all_scores(trained, VALIDATION.images, 16), VALIDATION.labels)
    assert found == pytest.approx(max(epoch.validation_map for epoch in history), abs=1e-6)


def test_head_on_fixed_features_equals_training_the_head_in_place() -> None:
    by_features, in_place = network(), network()
    fit(by_features, TRAIN, VALIDATION, training(trainable="head"), 5)
    for parameter in list(in_place.parameters())[:-2]:
        parameter.requires_grad_(False)
    fit(in_place, TRAIN, VALIDATION, training(), 5)
    for one, other in zip(by_features.parameters(), in_place.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_head_needs_a_network_that_ends_in_a_linear_layer() -> None:
    for refused in (
        nn.Sequential(network(), nn.Tanh()),
        nn.Sequential(nn.Conv2d(1, CLASSES, 8), nn.Flatten()),
    ):
        with pytest.raises(UserError, match="does not end in a linear layer"):
            fit(refused, TRAIN, VALIDATION, training(trainable="head"), 0)


def test_divergence_is_a_clear_error() -> None:
    with pytest.raises(UserError, match="diverged") as caught:
        fit(
            network(),
            TRAIN,
            VALIDATION,
            training(epochs=20, learning_rate=1e18, optimiser="sgd"),
            0,
        )
    assert "smaller learning rate" in caught.value.remedy


def test_validation_without_labels_is_a_clear_error() -> None:
    empty = MultiLabelSplit(
        np.zeros((4, CLASSES), dtype=bool), [""] * 4, StoredImages(np.zeros((4, 1, 8, 8), np.uint8))
    )
    with pytest.raises(UserError, match="no validation image has a label"):
        fit(network(), TRAIN, empty, training(), 0)


def test_scores_do_not_depend_on_the_batch_size() -> None:
    trained = network("resnet")
    whole = all_scores(trained, VALIDATION.images, 48)
    assert whole.shape == (48, CLASSES)
    np.testing.assert_allclose(all_scores(trained, VALIDATION.images, 7), whole, atol=1e-5)
    assert not trained.training


def test_augmentation_flips_shifts_and_brightens() -> None:
    images = torch.zeros(200, 3, 20, 20)
    images[:, :, 8:12, 2:6] = 0.5
    changed = augmented(images, torch.Generator().manual_seed(0))
    assert changed.shape == images.shape
    assert changed.min() >= 0
    peak = changed.flatten(1).max(dim=1).values
    assert 0.4 - 1e-4 <= peak.min() < 0.42
    assert 0.58 < peak.max() <= 0.6 + 1e-4
    mass = changed.sum(dim=(1, 2, 3))
    places = torch.arange(20.0)
    across = (changed.sum(dim=(1, 2)) * places).sum(1) / mass
    down = (changed.sum(dim=(1, 3)) * places).sum(1) / mass
    # The square is at column 3.5, mirrored at 15.5, row 9.5; a shift is at most 2 pixels.
    mirrored = across > 9.5
    assert 70 < mirrored.sum() < 130
    assert ((across - torch.where(mirrored, 15.5, 3.5)).abs() <= 2.01).all()
    assert (down - 9.5).abs().max() <= 2.01
    assert (down - 9.5).std() > 0.8


def test_augmentation_repeats_the_border_and_stays_in_range() -> None:
    changed = augmented(torch.ones(50, 1, 10, 10), torch.Generator().manual_seed(0))
    assert changed.max() <= 1
    # A constant image stays constant: nothing dark is shifted in.
    torch.testing.assert_close(changed.amin(dim=(1, 2, 3)), changed.amax(dim=(1, 2, 3)))
