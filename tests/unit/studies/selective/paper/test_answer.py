"""The answer of study 1 follows its table."""

from __future__ import annotations

import pytest

from advlearn.report.claims import Verdict
from advlearn.report.numbers import format_signed
from advlearn.studies.selective.paper.answer import answer, findings
from advlearn.studies.selective.paper.claims.verdicts import verdicts
from advlearn.studies.selective.schema import SelectiveTidy
from tests.helpers.selective_run import with_table

pytestmark = pytest.mark.slow


def shifted(run: SelectiveTidy, by: float) -> SelectiveTidy:
    """The run with all its clusters better, or worse, under attack than they are."""
    frame = run["selective_metrics"].copy()
    chosen = (frame["rule"] == "random") & (frame["metric"] == "adversarial_accuracy")
    frame.loc[chosen, "value"] += by
    return with_table(run, "selective_metrics", frame)


def test_the_number_is_one_of_the_primary_family(full: SelectiveTidy) -> None:
    found, frame = answer(full), verdicts(full).frame
    primary = frame[frame["family"] == "primary"].set_index("claim")
    assert found.total == len(primary) == 10
    assert found.held == (primary["verdict"] == "holds").sum()
    assert found.number is not None
    assert found.number[:3] == tuple(primary.loc[found.row, ["mean", "ci_low", "ci_high"]])
    assert str(found.verdict) == primary.loc[found.row, "verdict"]


def test_the_verdict_follows_the_table(full: SelectiveTidy) -> None:
    better, worse = answer(shifted(full, 0.3)), answer(shifted(full, -0.3))
    assert (worse.verdict, worse.held) == (Verdict.REFUTED, 0)
    assert better.verdict is not Verdict.REFUTED
    assert better.held > worse.held
    assert worse.number is not None
    assert worse.number.high < 0


def test_sentences_hold_numbers_of_the_table(full: SelectiveTidy) -> None:
    found = findings(full)
    frame = verdicts(full).frame
    held = frame[(frame["family"] == "secondary") & (frame["verdict"] == "holds")]
    kept = [text for text in found.meaning if text.startswith("What holds among them")]
    assert len(kept) == (len(held) > 0)
    for row in held.to_dict("records"):
        assert row["words"] in kept[0]
        assert format_signed(row["mean"]) in kept[0]
    assert len(found.primary[1]) == 10
    assert len(found.secondary[1]) == (frame["family"] == "secondary").sum()
