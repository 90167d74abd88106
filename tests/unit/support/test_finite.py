from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from advlearn.support.errors import UserError
from advlearn.support.finite import NotFiniteError, check_finite


@given(hnp.arrays(np.float32, st.tuples(st.integers(0, 4), st.integers(1, 3))))
def test_passes_exactly_what_is_finite(values: np.ndarray) -> None:
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1)).tolist()
    for given_as in (values, torch.from_numpy(values.copy())):
        if not bad:
            check_finite(given_as, "numbers", remedy="none")
            continue
        with pytest.raises(NotFiniteError) as caught:
            check_finite(given_as, "numbers", remedy="none")
        assert caught.value.rows == bad
        assert f"for {len(bad)} of {len(values)} images" in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_large_numbers_whose_sum_overflows_are_finite(dtype: torch.dtype) -> None:
    check_finite(torch.full((8, 8), torch.finfo(dtype).max, dtype=dtype), "numbers", remedy="none")


def test_names_the_images_as_people_know_them() -> None:
    values = torch.tensor([[0.0], [torch.nan], [torch.inf]])
    with pytest.raises(UserError, match="the first is image 1, counted from 0") as caught:
        check_finite(values, "the logits", remedy="train again")
    assert isinstance(caught.value, NotFiniteError)
    named = caught.value.named([40, 41, 42])
    assert "image at position 41" in str(named)
    assert "the logits are not finite for 2 of 3 images" in str(named)
    assert named.remedy == "train again"
