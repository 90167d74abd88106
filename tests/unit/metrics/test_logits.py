from __future__ import annotations

import pytest
import torch
from torch import Tensor

from advlearn.metrics.accuracy import all_logits, correct
from advlearn.metrics.logits import check_classes, check_labels, check_logits, logits_of
from advlearn.metrics.ranking import measures, top_k_mask
from advlearn.support.errors import UserError
from tests.helpers import hostile

SHAPE = (1, 8, 8)


def images(n: int) -> Tensor:
    draw = torch.rand((n, *SHAPE), generator=torch.Generator().manual_seed(0))
    return (255 * draw).round() / 255


@pytest.mark.parametrize("logits", [torch.zeros(4), torch.zeros(3, 2), torch.zeros(4, 2, 1)])
def test_logits_are_a_table_with_a_row_an_image(logits: Tensor) -> None:
    with pytest.raises(UserError, match="returned logits of shape"):
        check_logits(logits, 4)


def test_as_many_columns_as_classes() -> None:
    check_logits(torch.zeros(4, 3), 4, 3)
    with pytest.raises(UserError, match=r"shape \(4, 2\) for 4 images"):
        check_logits(torch.zeros(4, 2), 4, 3)


@pytest.mark.parametrize("number", [torch.nan, torch.inf, -torch.inf])
def test_logits_are_finite_also_log_probabilities(number: float) -> None:
    logits = torch.zeros(4, 3)
    logits[2:, 1] = number
    for refused in (
        lambda: check_logits(logits, 4),
        lambda: top_k_mask(logits, 2),
        lambda: measures(logits, logits == 0, 2),
    ):
        with pytest.raises(UserError, match="logits are not finite for 2 of 4 images"):
            refused()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.zeros(3, dtype=torch.int64), "one label for each image"),
        (torch.zeros(4, 1, dtype=torch.int64), "one label for each image"),
        (torch.zeros(4), "whole numbers"),
        (torch.zeros(4, dtype=torch.int32), "whole numbers"),
        (torch.zeros(4, dtype=torch.bool), "whole numbers"),
        (torch.tensor([0, 1, -100, 2]), "the first class is 0"),
    ],
)
def test_labels_are_class_numbers(labels: Tensor, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_labels(labels, 4)


def test_labels_are_below_the_number_of_classes() -> None:
    check_classes(torch.tensor([0, 2]), 3)
    with pytest.raises(UserError, match="outside the network's 3 classes") as caught:
        check_classes(torch.tensor([0, 3, 7]), 3)
    assert "label 7 of 2 of 3 images" in str(caught.value)


def test_accuracy_counts_all_images_whose_logits_are_not_finite() -> None:
    network = hostile.brittle(None, SHAPE, 3)
    given, labels = images(9), torch.zeros(9, dtype=torch.int64)
    assert correct(network, given, labels).shape == (9,)
    given[[1, 4, 8], 0, 0, 0] = 0.5 / 255
    with pytest.raises(UserError, match="not finite for 3 of 9 images"):
        all_logits(network, given, batch_size=2)
    with pytest.raises(UserError, match="outside the network's 3 classes"):
        correct(network, images(9), labels + 3)


def test_no_images() -> None:
    network = hostile.plain(None, SHAPE, 3)
    assert correct(network, images(0), torch.zeros(0, dtype=torch.int64)).shape == (0,)
    with pytest.raises(UserError, match="at least one image"):
        all_logits(network, images(0))


@pytest.mark.parametrize("of", [logits_of, all_logits])
def test_a_network_that_works_in_place_does_not_change_the_images(of: object) -> None:
    network, given = hostile.in_place(None, SHAPE, 3), images(5)
    kept = given.clone()
    assert callable(of)
    assert isinstance(network, hostile.Changed)
    expected = network.last((given - 0.5).flatten(1))
    assert torch.allclose(of(network, given), expected)
    assert torch.equal(given, kept)
