from __future__ import annotations

import pickle

import pytest

from advlearn.support.errors import UserError
from advlearn.support.finite import NotFiniteError
from advlearn.training.fit import Diverged
from advlearn.training.stack import UnsoundCraftingError

GIVEN = {"where": "configuration key 'a'", "remedy": "give another"}
ERRORS = [
    UserError("no such file", **GIVEN),
    Diverged("the weights are not finite", **GIVEN),
    UnsoundCraftingError("a gradient is NaN", **GIVEN),
    NotFiniteError("the logits", [3, 5], 9, remedy="look for a root"),
]


def test_every_kind_is_here() -> None:
    assert set(UserError.__subclasses__()) <= {type(error) for error in ERRORS}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_travel_between_processes(error: UserError) -> None:
    found = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(found) is type(error)
    assert str(found) == str(error)
    assert found.args == error.args
    assert (found.what, found.where, found.remedy) == (error.what, error.where, error.remedy)
