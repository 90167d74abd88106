from __future__ import annotations

import pandas as pd
import pytest

from advlearn.report import sections
from advlearn.report.tidy import Tidy


def test_choices_have_one_column_a_universe(full: Tidy) -> None:
    header, rows = sections.choices(full)
    assert header == ["choice", "the paper says", "used in closest", "used in sound", "where"]
    assert rows[0] == ["retrain.batch_size", "not given", "128", "128", "section VII"]
    text = sections.choices_markdown(full)
    assert text.startswith("## What the paper leaves open")
    assert "attacks.fgsm.epsilon" in text


def test_choices_of_the_whole_study(full_folder: object, full: Tidy) -> None:
    tidy = Tidy(full.folder, full.published_folder)
    common = {
        "key": "study.seeds",
        "question": "How many runs?",
        "paper": "one",
        "value": "0 1 2",
        "source": "-",
        "universe": "all",
    }
    tidy.__dict__["choices"] = pd.concat(
        [full.choices.assign(question="?"), pd.DataFrame([common])], ignore_index=True
    )
    header, rows = sections.choices(tidy)
    assert header[:2] == ["choice", "key"]
    assert rows[-1] == ["How many runs?", "study.seeds", "one", "0 1 2", "0 1 2", "-"]


def test_nearest_universe_comes_first(full: Tidy) -> None:
    frame = sections.distances(full)
    assert list(frame["universe_id"]) == ["u0", "u1", "u2", "u3"]
    assert frame["distance"].is_monotonic_increasing
    # By hand: mean absolute difference over the six quantities.
    published = full.published("selective_baselines").set_index("quantity")["published"]
    first = frame.iloc[0]
    by_hand = sum(abs(first[name] - published[name]) for name in sections.QUANTITIES) / 6
    assert first["distance"] == pytest.approx(by_hand)
    _, rows = sections.calibration(full)
    assert rows[0][0] == "published"
    assert rows[1][0] == "u0 (nearest)"


def test_failed_checks_are_listed(full: Tidy) -> None:
    (_, counts), (_, failures) = sections.sanity(full)
    assert ["closest", "fgsm", "all", "gradients_zero", "2 of 3"] in counts
    assert len(failures) == 4
    assert failures[0][:5] == ["closest", "2", "fgsm", "all", "gradients_zero"]


def test_record_is_flattened() -> None:
    _, rows = sections.record(
        {"versions": {"torch": None}, "seeds": [0, 1], "jobs": [{"stage": "craft"}], "run": "demo"}
    )
    assert rows == [
        ["versions.torch", "–"],
        ["seeds", "0, 1"],
        ["jobs.0.stage", "craft"],
        ["run", "demo"],
    ]
