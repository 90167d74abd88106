"""The answer of study 2 follows its table."""

from __future__ import annotations

import pytest

from advlearn.report.claims import Verdict
from advlearn.studies.topk.paper import claims
from advlearn.studies.topk.paper.answer import answer, findings
from advlearn.studies.topk.paper.claims import BASELINES
from advlearn.studies.topk.paper.run import TopkTidy
from tests.helpers.lineage import with_table

pytestmark = pytest.mark.slow


def with_norm(run: TopkTidy, method: str, factor: float) -> TopkTidy:
    """The run with the norms of one method made larger or smaller."""
    images = run["topk_images"].copy()
    images.loc[images["method"] == method, "l2"] *= factor
    changed = with_table(run, "topk_images", images)
    assert isinstance(changed, TopkTidy)
    return changed


def test_the_number_is_that_of_the_nearest_baseline(full: TopkTidy) -> None:
    found, frame = answer(full), claims.tested(full).frame.set_index("claim")
    primary = frame[frame["family"] == "primary"]
    assert found.verdict is Verdict.HOLDS
    assert (found.held, found.total) == (len(primary), len(primary))
    assert found.number is not None
    assert found.number[:3] == tuple(primary.loc[found.row, ["mean", "ci_low", "ci_high"]])
    assert found.number.mean == primary["mean"].min()
    assert found.row in primary.index


def test_one_smaller_baseline_refutes_it(full: TopkTidy) -> None:
    found = answer(with_norm(full, BASELINES[0], 0.1))
    assert found.verdict is Verdict.REFUTED
    assert (found.held, found.total - found.held) == (answer(full).held - 2, 2)
    assert found.row.endswith(BASELINES[0])
    assert found.number is not None
    assert found.number.high < 1


def test_words_follow_the_verdicts(full: TopkTidy) -> None:
    before = findings(full)
    after = findings(with_norm(full, BASELINES[0], 0.1))
    assert any("holds in 12, refuted in 0" in text for text in before.meaning), before.meaning
    assert any("holds in 10, refuted in 2" in text for text in after.meaning), after.meaning
    assert any("k = 2" in text and "refuted" in text for text in after.meaning)
    assert [row[-1] for row in after.primary[1]].count("refuted") == 2


def test_a_run_of_one_seed_and_two_methods_is_whole(small: TopkTidy) -> None:
    found = findings(small)
    assert found.answer.total == 2
    assert all("nan" not in text for text in found.meaning)
    assert found.secondary[1]
