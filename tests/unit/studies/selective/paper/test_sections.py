from __future__ import annotations

import pandas as pd
import pytest

from advlearn.report.sections import choices_markdown, choices_rows
from advlearn.studies.selective.paper.sections import discrepancies, nearest, sanity, stages
from advlearn.studies.selective.schema import SelectiveTidy
from tests.helpers.selective_run import with_table


def test_choices_have_one_column_a_universe(full: SelectiveTidy) -> None:
    header, rows = choices_rows(full)
    used = ["used in small", "used in standard"]
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
    frame = pd.concat([full["selective_choices"], pd.DataFrame([common])], ignore_index=True)
    tidy = with_table(full, "selective_choices", frame)
    header, rows = choices_rows(tidy)
    assert header[:2] == ["choice", "key"]
    assert rows[-1] == ["How many runs?", "study.seeds", "one", "0 1 2", "0 1 2", "-"]


def test_the_search_is_summed_up(full: SelectiveTidy) -> None:
    header, rows = discrepancies(full)
    assert header[0] == "discrepancy"
    assert [row[0] for row in rows] == ["0.05", "0.1", "0.25", "0.5"]
    assert nearest(full) == pytest.approx(0)
    _, both = stages(full)
    # Nothing was chosen at random.
    assert both[0][:3] == ["for their likelihood", "4", "4"]
    assert both[0][3:] == ["1.000", "1.00"]
    assert both[1][:3] == ["at random", "0", "0"]


def test_failed_checks_are_listed(full: SelectiveTidy) -> None:
    (_, counts), (_, failures) = sanity(full)
    assert ["small", "fgsm", "all", "gradients_zero", "2 of 3"] in counts
    assert len(failures) == 4
    assert failures[0][:5] == ["small", "2", "fgsm", "all", "gradients_zero"]
