"""The answer of study 3 follows its table of claims."""

from __future__ import annotations

from advlearn.report.answers import universal
from advlearn.report.claims import Verdict
from advlearn.studies.bilevel.paper.answer import answer, findings
from advlearn.studies.bilevel.paper.claims import verdicts
from advlearn.studies.bilevel.schema import BilevelTidy
from tests.helpers.lineage import with_table


def scaled(run: BilevelTidy, factor: float) -> BilevelTidy:
    """The run with attacks of another size."""
    for name in ("bilevel_attacks", "bilevel_sandwich"):
        larger = run[name].assign(epsilon=factor * run[name]["epsilon"])
        changed = with_table(run, name, larger)
        assert isinstance(changed, BilevelTidy)
        run = changed
    return run


def test_the_verdict_is_that_of_the_primary_family(full: BilevelTidy) -> None:
    found, frame = answer(full), verdicts.tested(full).frame
    primary = frame[frame["family"] == "primary"]
    assert found.total == len(primary) == 4
    assert found.held == (primary["verdict"] == str(Verdict.HOLDS)).sum()
    assert found.verdict is universal(primary["verdict"])
    assert found.table == "bilevel_claims"
    assert found.number is not None
    row = primary.set_index("claim").loc[found.row]
    assert found.number.mean == row["mean"]


def test_larger_attacks_make_the_effect_larger(full: BilevelTidy) -> None:
    def small(run: BilevelTidy) -> float:
        frame = verdicts.tested(run).frame.set_index("claim")
        return float(frame["mean"]["small-fixed"])

    assert small(scaled(full, 4.0)) > 2 * small(full)


def test_what_is_proved_is_called_so_and_no_part_of_the_answer(full: BilevelTidy) -> None:
    found = findings(full)
    assert len(found.primary[1]) == 4
    proved = [row for row in found.secondary[1] if row[2].startswith("proved")]
    assert len(proved) == (verdicts.tested(full).frame["family"] == "proved").sum() > 0
    assert all("not so in" in row[1] or row[1] == "–" for row in proved)
    assert any("value functions" in text for text in found.meaning)


def test_the_least_run_has_an_answer(small: BilevelTidy) -> None:
    assert findings(small).answer.total == 2
