"""The worst case over APGD and Square Attack, against the public AutoAttack; masked gradients."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advlearn.attacks.robustness import robust_verdicts, worst_case_verdicts
from advlearn.attacks.sanity import strength_checks
from advlearn.settings.attack import (
    ApgdSettings,
    EvaluationSettings,
    FgsmSettings,
    Norm,
    PgdSettings,
    SquareSettings,
)
from advlearn.settings.strong import strong_attacks
from advlearn.support.errors import UserError
from tests.helpers.defended import Kind, digits, trained

CASES: list[tuple[Kind, Norm, float]] = [
    ("undefended", "linf", 0.1),
    ("pgd", "linf", 0.2),
    ("masked", "linf", 0.2),
    ("undefended", "l2", 0.6),
    ("pgd", "l2", 1.0),
]


def autoattack(
    peers: Any, network: nn.Module, images: Tensor, labels: Tensor, norm: Norm, epsilon: float
) -> Tensor:
    """Verdicts of AutoAttack's four attacks with the steps of the paper, of which the peer has 10.

    Each on the survivors of those before, as in AutoAttack.
    """
    common = {"norm": {"linf": "Linf", "l2": "L2"}[norm], "eps": epsilon, "seed": 0}
    four = [
        peers.APGD(network, steps=100, **common),
        peers.APGDT(network, steps=100, n_classes=10, **common),
        peers.FAB(network, steps=100, multi_targeted=True, n_classes=10, **common),
        peers.Square(network, n_queries=5000, **common),
    ]
    robust: Tensor = network(images).argmax(1) == labels
    for attack in four:
        left = robust.nonzero().squeeze(1)
        if len(left):
            found = attack(images[left], labels[left])
            robust[left] = network(found).argmax(1) == labels[left]
    return robust


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "norm", "epsilon"), CASES)
def test_the_worst_case_is_that_of_autoattack(kind: Kind, norm: Norm, epsilon: float) -> None:
    peers = pytest.importorskip("torchattacks", reason="a peer of the benchmarks, not in the lock")
    network = trained(kind, norm, epsilon)
    images, labels = digits()[2:]
    found = worst_case_verdicts(network, images, labels, strong_attacks(norm, epsilon, 10), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = autoattack(peers, network, images, labels, norm, epsilon)
    ours, theirs = (100 * float(each.double().mean()) for each in (found.robust, expected))
    assert ours <= theirs + 0.5
    # What is found beyond is there to see: the images are inside the budget and misclassified.
    assert torch.equal(network(found.adversarial).argmax(1) == labels, found.robust)
    assert 0 < ours < 99


def failed(
    network: nn.Module, settings: FgsmSettings | PgdSettings | ApgdSettings, queries: int = 600
) -> list[str]:
    images, labels = (each[:150] for each in digits()[2:])
    checks = strength_checks(network, images, labels, settings, 0, queries)
    assert [each.check for each in checks] == ["iterative_not_weaker", "white_box_not_weaker"]
    return [each.check for each in checks if not each.passed]


@pytest.mark.slow
def test_masked_gradients_are_flagged() -> None:
    network = trained("masked", "linf", 0.2)
    for weak in (FgsmSettings(epsilon=0.2), PgdSettings(epsilon=0.2)):
        assert failed(network, weak) == ["white_box_not_weaker"]
    assert failed(network, ApgdSettings(epsilon=0.2, deviation="targeted_dlr", targets=3)) == []
    assert failed(trained("undefended", "linf", 0.1), PgdSettings(epsilon=0.1)) == []


def test_an_iterative_attack_below_one_step_is_flagged() -> None:
    images, labels = digits()[2:]
    network = trained("undefended", "linf", 0.1)
    lame = PgdSettings(epsilon=0.1, steps=2, step_size=0.001)
    assert "iterative_not_weaker" in failed(network, lame, queries=20)
    with pytest.raises(UserError, match="at least one image"):
        strength_checks(network, images[:0], labels[:0], lame, 0)


def test_each_attack_sees_the_survivors_of_those_before() -> None:
    images, labels = (each[:100] for each in digits()[2:])
    network = trained("undefended", "linf", 0.1)
    apgd = ApgdSettings(epsilon=0.1, steps=10)
    square = SquareSettings(epsilon=0.1, queries=30)
    first = robust_verdicts(network, images, labels, apgd, 0)
    lists: list[list[EvaluationSettings]] = [
        [apgd, square],
        [FgsmSettings(epsilon=0.1), apgd, square],
    ]
    for attacks in lists:
        worst = worst_case_verdicts(network, images, labels, attacks, 0)
        assert bool((worst.robust <= worst.clean).all())
        assert torch.equal(network(worst.adversarial).argmax(1) == labels, worst.robust)
        assert 0 < worst.queries <= 31 * int(first.robust.sum())
    assert bool(
        (
            worst.robust
            <= robust_verdicts(network, images, labels, FgsmSettings(epsilon=0.1), 0).robust
        ).all()
    )
    with pytest.raises(UserError, match="same norm and epsilon"):
        worst_case_verdicts(network, images, labels, [apgd, SquareSettings(epsilon=0.2)], 0)


def test_what_becomes_of_an_image_does_not_depend_on_the_batch_or_on_others() -> None:
    images, labels = (each[:40] for each in digits()[2:])
    network = trained("pgd", "linf", 0.2)
    for settings in (ApgdSettings(epsilon=0.2, steps=15), SquareSettings(epsilon=0.2, queries=60)):
        whole = robust_verdicts(network.double(), images.double(), labels, settings, 0)
        parts = robust_verdicts(network, images.double(), labels, settings, 0, batch_size=7)
        torch.testing.assert_close(parts.adversarial, whole.adversarial, rtol=0, atol=1e-9)
        # As if every second image had been fooled before.
        clean = whole.clean & (torch.arange(40) % 2 == 0)
        half = robust_verdicts(network, images.double(), labels, settings, 0, clean=clean)
        network.float()
        torch.testing.assert_close(
            half.adversarial[clean], whole.adversarial[clean], rtol=0, atol=1e-9
        )
        assert 0 < int(whole.robust.sum()) < 40


@pytest.mark.parametrize(
    ("n_classes", "deviation"), [(10, "targeted_dlr"), (3, "dlr"), (2, "negative_margin")]
)
def test_strong_attacks_suit_the_number_of_classes(n_classes: int, deviation: str) -> None:
    four = strong_attacks("l2", 0.5, n_classes)
    assert [each.name for each in four] == ["apgd", "apgd", "fab", "square"]
    second = four[1]
    assert isinstance(second, ApgdSettings)
    assert second.deviation == deviation
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, n_classes))
    images = torch.rand((6, 1, 8, 8))
    quick = strong_attacks("l2", 0.5, n_classes, steps=3, queries=4, targets=2)
    assert [getattr(each, "steps", None) for each in quick] == [3, 3, 3, None]
    assert [getattr(each, "targets", None) for each in quick[1:3]] == [2, 2]
    assert isinstance(quick[3], SquareSettings)
    assert quick[3].queries == 4
    found = worst_case_verdicts(network, images, network(images).argmax(1), quick, 0)
    assert bool(found.clean.all())
