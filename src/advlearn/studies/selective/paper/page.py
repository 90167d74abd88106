"""Study 1's part of the report."""

from __future__ import annotations

from advlearn.report.page import Page, Section
from advlearn.report.sections import choices_section, record_section
from advlearn.report.writers import table_html
from advlearn.studies.selective.paper.common import scope_label
from advlearn.studies.selective.paper.schema import SelectiveTidy
from advlearn.studies.selective.paper.sections import calibration, sanity
from advlearn.studies.selective.paper.verdict import headline_rows, sentences, verdict_rows

SPLITS = ("train", "validation", "test")


def page(run: SelectiveTidy) -> Page:
    """The headline, the verdict, the open choices, the calibration and the checks.

    Raises:
        UserError: a tidy file or a column is missing.
    """
    study = run.study
    pair = (study.primary.universe, study.primary.protocol)
    seeds = ", ".join(map(str, study.seeds))
    images = ", ".join(
        f"{study.images[split]} {split}" for split in SPLITS if split in study.images
    )
    warning = ""
    if study.dataset != "mnist":
        warning = (
            f"This run used the data set {study.dataset}. The published numbers are of MNIST and"
            " stand beside it for orientation only."
        )
    return Page(
        study="selective",
        title="Cluster-selective adversarial training",
        run=study.run,
        subtitle=(
            f"Data set {study.dataset}{f' ({images} images)' if images else ''}; seeds {seeds};"
            f" published numbers are set beside the universe {scope_label(pair)}."
        ),
        warning=warning,
        headline=headline_rows(run),
        sentences=sentences(run),
        comparisons=verdict_rows(run),
        sections=_sections(run),
    )


def _sections(run: SelectiveTidy) -> list[Section]:
    header, rows = calibration(run)
    counts, failures = sanity(run)
    nearest = table_html(header, rows[:11])
    if len(rows) > 11:
        rest = table_html(header, rows[11:])
        nearest += f"<details><summary>All other universes</summary>\n{rest}</details>\n"
    failed = f"<h4>Failed checks</h4>\n{table_html(*failures)}" if failures[1] else ""
    return [
        choices_section(run),
        Section(
            id="selective-calibration",
            title="Calibration",
            text=(
                "The baselines under every combination of the open choices that was tried, measured"
                " on the validation split, nearest to the published numbers first. Distance: mean"
                " absolute difference to the published values. AT: adversarial training."
            ),
            html=nearest,
        ),
        Section(
            id="selective-sanity",
            title="Sanity checks of the evaluation",
            text=(
                "All checks passed."
                if not failures[1]
                else "Some checks failed: read the adversarial accuracies with that in mind."
            ),
            html=table_html(*counts) + failed,
        ),
        record_section(
            "selective-universes",
            "Settings of the universes",
            "The resolved settings under which each universe ran.",
            run.study.universes,
        ),
    ]
