from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advlearn.studies.selective.paper.universe_protocol import UniverseProtocol
from advlearn.studies.selective.paper.universe_set import average, members, weights_of
from advlearn.studies.selective.schema import SelectiveTidy
from tests.helpers.selective_run import PUBLISHED, write_run

A, B = UniverseProtocol("a", "whitebox"), UniverseProtocol("b", "transfer")
WEIGHTS = {A: 3.0, B: 1.0}


def frame_of(values: dict[tuple[UniverseProtocol, int], float]) -> pd.DataFrame:
    rows = [(*pair, seed, value) for (pair, seed), value in values.items()]
    return pd.DataFrame(rows, columns=["universe", "protocol", "seed", "value"])


def test_the_weights_count_within_a_seed() -> None:
    found = average(frame_of({(A, 0): 0.4, (B, 0): 0.8, (A, 1): 0.2, (B, 1): 0.2}), WEIGHTS)
    assert found.seeds["value"].to_dict() == pytest.approx({0: 0.5, 1: 0.2})
    assert found.universes.to_dict() == pytest.approx({A: 0.3, B: 0.5})


def test_every_seed_is_the_average_of_the_same_universes() -> None:
    found = average(frame_of({(A, 0): 0.4, (B, 0): 0.8, (A, 1): 0.2}), WEIGHTS)
    assert found.seeds["value"].to_dict() == pytest.approx({0: 0.5})
    # A universe that lacks the number altogether has no part in it.
    alone = average(frame_of({(A, 0): 0.4, (A, 1): 0.2}), WEIGHTS)
    assert alone.seeds["value"].to_dict() == pytest.approx({0: 0.4, 1: 0.2})
    assert list(alone.universes.index) == [A]


def test_another_protocol_is_another_universe() -> None:
    other = UniverseProtocol("a", "transfer")
    frame = frame_of({(A, 0): 0.4, (other, 0): 0.9})
    assert len(members(frame, WEIGHTS)) == 1
    assert average(frame, WEIGHTS).seeds["value"].to_dict() == {0: 0.4}


def test_nothing_to_average() -> None:
    empty = average(frame_of({}), WEIGHTS)
    assert empty.seeds.empty
    assert empty.universes.empty
    assert average(frame_of({(A, 0): np.nan}), WEIGHTS).seeds.empty
    assert average(frame_of({(A, 0): 0.1, (B, 1): 0.2}), WEIGHTS).seeds.empty
    assert average(frame_of({(A, 0): 0.1}), {}).seeds.empty


def test_what_stands_beside_is_missing_where_a_universe_lacks_it() -> None:
    frame = frame_of({(A, 0): 0.4, (B, 0): 0.8, (A, 1): 0.2, (B, 1): 0.2})
    frame["images"] = [0.1, np.nan, 0.1, 0.5]
    found = average(frame, WEIGHTS, beside=["images"]).seeds["images"]
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(0.2)


@given(st.data())
def test_average_by_brute_force(data: st.DataObject) -> None:
    pairs = [A, B, UniverseProtocol("c", "whitebox")]
    weights = {pair: data.draw(st.floats(0.1, 5)) for pair in pairs}
    cells = list(itertools.product(pairs, range(4)))
    values = {
        cell: data.draw(st.floats(-1, 1)) for cell in data.draw(st.sets(st.sampled_from(cells)))
    }
    there = [pair for pair in pairs if any(cell[0] == pair for cell in values)]
    total = sum(weights[pair] for pair in there)
    expected = {
        seed: sum(weights[pair] * values[pair, seed] for pair in there) / total
        for seed in range(4)
        if there and all((pair, seed) in values for pair in there)
    }
    found = average(frame_of(values), weights)
    assert found.seeds["value"].to_dict() == pytest.approx(expected, abs=1e-12)


def test_sets_of_a_run(tmp_path: Path) -> None:
    sets = {"one": {"plausible": 3, "fixed": 1}, "two": {"plausible": 1}, "three": {"fixed": 1}}
    folder = write_run(tmp_path, universes=["one", "two", "three"], seeds=[0], sets=sets)
    run = SelectiveTidy(folder, PUBLISHED)
    assert weights_of(run, "plausible") == {
        UniverseProtocol("one", "whitebox"): 0.75,
        UniverseProtocol("two", "whitebox"): 0.25,
    }
    assert list(weights_of(run, "fixed").values()) == [0.5, 0.5]
    assert weights_of(run, "following") == {}


def test_without_sets_the_primary_universe_is_plausible(smoke: SelectiveTidy) -> None:
    assert weights_of(smoke, "plausible") == {UniverseProtocol("small", "whitebox"): 1.0}
