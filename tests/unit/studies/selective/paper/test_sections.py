from __future__ import annotations

import pandas as pd
import pytest

from advlearn.report.sections import choices_markdown, choices_rows
from advlearn.studies.selective.paper.sections import QUANTITIES, calibration, distances, sanity
from advlearn.studies.selective.schema import SelectiveTidy
from tests.helpers.selective_run import with_table


def test_choices_have_one_column_a_universe(full: SelectiveTidy) -> None:
    header, rows = choices_rows(full)
    used = ["used in closest", "used in sound"]
    assert header == ["choice", "key", "the paper says", *used, "where"]
    key = "retrain.batch_size"
    assert rows[0] == [f"What is {key}?", key, "not given", "128", "128", "section VII"]
    text = choices_markdown([full])
    assert text.startswith("## What the paper leaves open")
    assert "attacks.fgsm.epsilon" in text


def test_choices_of_the_whole_study(full: SelectiveTidy) -> None:
    common = {
        "key": "study.seeds",
        "question": "How many runs?",
        "paper": "one",
        "value": "0 1 2",
        "source": "-",
        "universe": "all",
    }
    frame = pd.concat([full["choices"], pd.DataFrame([common])], ignore_index=True)
    tidy = with_table(full, "choices", frame)
    header, rows = choices_rows(tidy)
    assert header[:2] == ["choice", "key"]
    assert rows[-1] == ["How many runs?", "study.seeds", "one", "0 1 2", "0 1 2", "-"]


def test_nearest_universe_comes_first(full: SelectiveTidy) -> None:
    frame = distances(full)
    assert list(frame["universe_id"]) == ["u0", "u1", "u2", "u3"]
    assert frame["distance"].is_monotonic_increasing
    # By hand: mean absolute difference over the six quantities.
    published = full.published("selective_baselines").set_index("quantity")["published"]
    first = frame.iloc[0]
    by_hand = sum(abs(first[name] - published[name]) for name in QUANTITIES) / 6
    assert first["distance"] == pytest.approx(by_hand)
    _, rows = calibration(full)
    assert rows[0][0] == "published"
    assert rows[1][0] == "u0 (nearest)"


def test_failed_checks_are_listed(full: SelectiveTidy) -> None:
    (_, counts), (_, failures) = sanity(full)
    assert ["closest", "fgsm", "all", "gradients_zero", "2 of 3"] in counts
    assert len(failures) == 4
    assert failures[0][:5] == ["closest", "2", "fgsm", "all", "gradients_zero"]
