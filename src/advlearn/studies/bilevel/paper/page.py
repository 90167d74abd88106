"""Study 3's part of the report, and its headline for a terminal."""

from __future__ import annotations

import pandas as pd

from advlearn.report.frames import records
from advlearn.report.numbers import ABSENT, format_number, format_significant
from advlearn.report.page import Link, Page, Rows, Section, Sheet
from advlearn.report.sections import choices_section, record_section
from advlearn.studies.bilevel.paper.claims.verdicts import tested
from advlearn.studies.bilevel.paper.labels import DATASETS, METHODS, WEIGHTS
from advlearn.studies.bilevel.paper.sandwich import at_attacked_gamma, described
from advlearn.studies.bilevel.paper.tables.claims import primary_rows
from advlearn.studies.bilevel.paper.verdict import contradiction, sentences
from advlearn.studies.bilevel.paper.words import SAY
from advlearn.studies.bilevel.schema import BilevelTidy


def page(run: BilevelTidy) -> Page:
    """The headline, what the numbers say, the claims, the open choices, data and settings."""
    study = run.study
    names = list(map(DATASETS, DATASETS.order(study.datasets)))
    return Page(
        study="bilevel",
        title="Bilevel attacks on convex clustering",
        run=study.run,
        subtitle=SAY.subtitle(names, study.seeds),
        warning=contradiction(run),
        headline=headline_rows(run),
        sentences=sentences(run),
        comparisons=primary_rows(run),
        sections=[
            _claims(run),
            choices_section(run),
            record_section(
                "bilevel-data",
                "Data sets and settings",
                "Points, features, classes, the γ of the attacks and the resolved settings.",
                {"datasets": study.datasets, "settings": study.settings},
            ),
        ],
        question=SAY.question(),
        picture="bilevel_staircase",
        facts={
            "Data sets": ", ".join(names),
            "n": SAY.points([about["n"] for about in study.datasets.values() if "n" in about]),
            "Seeds": ", ".join(map(str, study.seeds)),
            "Protocol": "convex clustering, white-box attacks",
        },
        terms={name: SAY.term(name) for name in ("calmness", "staircase", "certified radius")},
        links=[
            Link("the paper (arXiv 2510.25121)", "https://arxiv.org/abs/2510.25121"),
            Link("findings of the full run", "docs/findings.md"),
            Link("method and data", "docs/studies/bilevel.md"),
            Link("proofs", "docs/studies/bilevel-certificates.md"),
            Link("code", "src/advlearn/studies/bilevel"),
        ],
    )


def headline_rows(tidy: BilevelTidy) -> Rows:
    """Header and rows of the headline: certified radius and smallest attack of each data set.

    Tries below the certified radius are those at every gamma of the data set.
    """
    trials, about = tidy["bilevel_trials"], tidy.study.datasets
    rows = []
    for row in records(at_attacked_gamma(tidy)):
        dataset = str(row["dataset"])
        same = (trials["dataset"] == dataset) & (trials["weights"] == row["weights"])
        tries = int(trials.loc[same, "tries"].sum())
        changed = int(trials.loc[same, "changed"].sum())
        clustering = described(tidy, dataset, float(row["gamma"]))
        ratio = row["attacked"] / row["certified"] if row["certified"] > 0 else float("nan")
        rows.append(
            [
                DATASETS(dataset),
                WEIGHTS(row["weights"]).removesuffix(" weights"),
                str(about.get(dataset, {}).get("n_clusters") or ABSENT),
                clustering.sizes or ABSENT,
                format_number(clustering.ari, 2),
                *(format_significant(row[name]) for name in ("gamma", "certified", "attacked")),
                ABSENT if pd.isna(row["method"]) else METHODS(row["method"]),
                format_significant(ratio),
                format_significant(row["noise"]),
                f"{changed:,} of {tries:,}" if tries else ABSENT,
            ]
        )
    header = ["data set", "weights", "K", "sizes", "ARI", "γ", "certified ε", "attacked ε", "by"]
    return [*header, "attacked/certified", "noise ε", "changed below certified ε"], rows


def _claims(run: BilevelTidy) -> Section:
    rows = [[row["claim"], row["sentence"]] for row in records(tested(run).frame)]
    return Section(
        "bilevel-claims",
        "The claims, one sentence each",
        "The numbers of each sentence are those of its row in the table of claims.",
        [Sheet("The claims", (["claim", "what the run says"], rows), wrap=True)],
    )
