"""Study 1's part of the report."""

from __future__ import annotations

from advlearn.report.frames import records
from advlearn.report.page import Link, Page, Section, Sheet
from advlearn.report.sections import choices_section, record_section, shared_images
from advlearn.studies.selective.paper.claims.words import page_sentences, with_sentences
from advlearn.studies.selective.paper.published_tables import SAY, without_published
from advlearn.studies.selective.paper.search import GOAL
from advlearn.studies.selective.paper.sections import discrepancies, nearest, sanity, stages
from advlearn.studies.selective.paper.tables.baselines import headline_rows
from advlearn.studies.selective.paper.tables.claims import primary_rows
from advlearn.studies.selective.paper.universe_protocol import primary_pair
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.studies.selective.search.likelihood import DISCREPANCY

_SPLITS = ("train", "validation", "test")


def page(run: SelectiveTidy) -> Page:
    """The headline, the verdicts, the open choices, the search and the checks."""
    study = run.study
    images = ", ".join(f"{study.images[name]} {name}" for name in _SPLITS if name in study.images)
    seeds = ", ".join(map(str, study.seeds))
    first = primary_pair(run)
    beside = first.label if study.belongs_beside(first.universe) else ""
    return Page(
        study="selective",
        title="Cluster-selective adversarial training",
        run=study.run,
        subtitle=SAY.subtitle(study.dataset, images, seeds, beside, shared_images(study.shared)),
        warning=" ".join(without_published(run)),
        headline=headline_rows(run),
        sentences=page_sentences(run),
        comparisons=primary_rows(run),
        sections=[
            _claims(run),
            choices_section(run),
            *([] if "confirm" in run.left_out else [_search(run)]),
            _sanity(run),
            record_section(
                "selective-universes",
                "Settings of the universes",
                "The resolved settings under which each universe ran.",
                study.universes,
            ),
        ],
        question=SAY.question(),
        picture="selective_fig1_fgsm",
        facts={"Data set": study.dataset, "n": images, "Seeds": seeds, "Protocol": first.label},
        terms={name: SAY.term(name) for name in ("universe", "protocol", "plausible set")},
        links=[
            Link("the paper (Russian Law Journal XI 9s, 2023)", ""),
            Link("findings of the full run", "docs/findings.md"),
            Link("method", "docs/studies/selective.md"),
            Link("data", "src/advlearn/data/datasets.csv"),
            Link("protocol", "docs/studies/selective-protocol.md"),
            Link("code", "src/advlearn/studies/selective"),
        ],
    )


def _claims(run: SelectiveTidy) -> Section:
    frame = with_sentences(run)
    rows = [[line["claim"], line["test"], line["sentence"]] for line in records(frame)]
    header = ["claim", "what is subtracted from what", "what the run says"]
    title = "The claims, one sentence each"
    return Section(
        "selective-claims",
        title,
        "The numbers of each sentence are those of its row in the table of claims.",
        [Sheet(title, (header, rows), wrap=True)],
    )


def _search(run: SelectiveTidy) -> Section:
    text = SAY.search(GOAL, nearest(run), DISCREPANCY, run.study.of_the_papers_data)
    sheets = [Sheet("Universes that hold most of the weight", discrepancies(run))]
    both = stages(run)
    if both[1]:
        sheets.append(Sheet("Both stages", both))
    return Section("selective-search", "Search", text, sheets)


def _sanity(run: SelectiveTidy) -> Section:
    counts, failures = sanity(run)
    text, sheets = "All checks passed.", [Sheet("Passed checks", counts)]
    if failures[1]:
        text = "Some checks failed: read the adversarial accuracies with that in mind."
        sheets.append(Sheet("Failed checks", failures))
    return Section("selective-sanity", "Sanity checks of the evaluation", text, sheets)
