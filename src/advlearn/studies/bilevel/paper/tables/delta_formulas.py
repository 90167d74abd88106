"""Closed forms of the delta-measure against brute force."""

from __future__ import annotations

from fractions import Fraction

from advlearn.deviations.delta import PATTERNS
from advlearn.report.frames import ordered, records
from advlearn.report.numbers import format_number
from advlearn.report.table import LINE_OF_TABLE, Group, Source, Table
from advlearn.studies.bilevel.paper.labels import FORMULAS
from advlearn.studies.bilevel.paper.words import SAY
from advlearn.studies.bilevel.schema import BilevelTidy


def _times(factor: Fraction) -> str:
    """A factor as it stands before a letter."""
    if factor.denominator > 1:
        return f"({factor})"
    return "" if factor == 1 else str(factor)


_TERMS = {
    "contingency": "sum n_a² + sum n_b² − 2 sum n_ab²",
    "pairs": "C01 + C10 of scikit-learn's pair_confusion_matrix",
    "flows": "2 sum n_a(r_a + c_a) + sum(c_a² − 2c_a r_a − r_a²) − 2 sum m_ab²",
    "parts": (
        "[2 sum n_a s_a − (1/2) sum s_a² − sum S_ab²]"
        " + [(1/2) sum h_a² − sum s_a h_a − sum D_ab²], a < b in S and D"
    ),
    "two_clusters": "2m(n − m)",
    "exchange": "2m(n_a + n_b − m)",
    **{
        f"three_clusters_{name}": f"2 sum n_a s_a − {_times(q)}m²; equal sizes: 4sm − {_times(q)}m²"
        for name, (_, q) in PATTERNS.items()
    },
    "balanced": "4sm − q m² with 3/(K − 1) − 1 ≤ q ≤ 2",
    "split": "2p(n_a − p)",
    "merge": "2 n_a n_b",
    "pluck": "2(n_a − 1)",
    "increment": "2(n_aa − 1 − c_a + n_bb + c_b − 2m_ab), the difference of δ²",
}


def build(tidy: BilevelTidy) -> Table:
    """One row a closed form."""
    frame = ordered(tidy["bilevel_formulas"], ["formula"], formula=list(_TERMS))
    frame = frame.assign(expression=frame["formula"].map(_TERMS))
    rows = [
        [
            FORMULAS(row["formula"]),
            _TERMS.get(str(row["formula"]), ""),
            str(row["n_clusters"]),
            str(row["range"]),
            f"{int(row['cases']):,}",
            format_number(row["max_error"], 0 if row["max_error"] == int(row["max_error"]) else 6),
        ]
        for row in records(frame)
    ]
    return Table(
        title="Closed forms of the delta-measure",
        caption=SAY.formulas_caption(),
        frame=frame,
        columns=["formula", "δ²", "clusters", "partitions", "cases", "largest error"],
        groups=[Group("", rows)],
        notes=[SAY.patterns(), SAY.no_published(), SAY.derived()],
        wide=True,
        keys=["formula", "n_clusters", "range"],
        how=LINE_OF_TABLE,
        sources=[Source("bilevel_formulas", tidy["bilevel_formulas"])],
    )
