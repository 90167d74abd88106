"""Study 3's part of the report."""

from __future__ import annotations

from advlearn.report.page import Page
from advlearn.report.sections import choices_section, record_section
from advlearn.studies.bilevel.paper.checks import checks
from advlearn.studies.bilevel.paper.common import DATASET_LABELS, NO_PUBLISHED, datasets, label
from advlearn.studies.bilevel.paper.schema import BilevelTidy
from advlearn.studies.bilevel.paper.verdict import headline_rows, sentences, verdict_rows

KNOWN = (
    "The paper's abstract states that clusterings are robust against small perturbations and change"
    " under larger ones, that attacks fit one bilevel model, and that the delta-measure is a"
    " well-defined deviation. Formulas, bounds, certificates and attacks here are derived in this"
    " project; docs/bilevel.md has the proofs."
)


def page(run: BilevelTidy) -> Page:
    """The headline, what the numbers say, the claims, the open choices, data and settings.

    Raises:
        UserError: a tidy file or a column is missing.
    """
    study = run.study
    names = [label(DATASET_LABELS, name) for name in datasets(study.datasets)]
    return Page(
        study="bilevel",
        title="Bilevel attacks on convex clustering",
        run=study.run,
        subtitle=(
            f"Data sets: {', '.join(names)}; seeds {', '.join(map(str, study.seeds))}."
            f" {NO_PUBLISHED} {KNOWN}"
        ),
        warning=_warning(run),
        headline=headline_rows(run),
        sentences=sentences(run),
        comparisons=verdict_rows(run),
        sections=[
            choices_section(run),
            record_section(
                "bilevel-data",
                "Data sets and settings",
                "Points, features, classes, the γ of the attacks and the resolved settings.",
                {"datasets": study.datasets, "settings": study.settings},
            ),
        ],
    )


def _warning(run: BilevelTidy) -> str:
    """Whether the numbers contradict something that is proved."""
    wrong = [
        check.claim
        for check in checks(run).values()
        if check.violations and check.origin != "the paper's abstract"
    ]
    if not wrong:
        return ""
    return f"The numbers contradict what is proved, so something is wrong: {'; '.join(wrong)}."
