"""Study 2's part of the report."""

from __future__ import annotations

from advlearn.report.page import Link, Page
from advlearn.report.sections import choices_section, record_section, shared_images
from advlearn.studies.topk.paper.notes import SAY
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.paper.verdict import headline_rows, sentences, verdict_rows, warning


def page(run: TopkTidy) -> Page:
    """The headline, the verdict on the paper's orderings, the open choices, data and settings."""
    study = run.study
    data = study.dataset
    images = ", ".join(f"{count} {split}" for split, count in study.sizes.items())
    seeds = ", ".join(map(str, study.seeds))
    what = "images that scenes are composed of" if data["name"] == "scenes" else "images"
    shared = shared_images(data.get("shared", {}), what)
    return Page(
        study="topk",
        title="Imperceptible top-k multi-label attacks",
        run=study.run,
        subtitle=(
            f"Data set {data['name']}{f' ({images} images)' if images else ''},"
            f" {len(study.class_names)} labels; primary model {study.primary_model}; preset"
            f" {study.preset}; at most {study.images} attacked images a choice of labels; seeds"
            f" {seeds}. {' '.join(filter(None, [shared, SAY.no_published()]))}"
        ),
        warning=warning(run),
        headline=headline_rows(run),
        sentences=sentences(run),
        comparisons=verdict_rows(run),
        sections=[
            choices_section(run),
            record_section(
                "topk-data",
                "Data, label sets and settings",
                "What was found, what was skipped, and the resolved settings.",
                {
                    "dataset": data,
                    "labels": {
                        name: [study.class_names[i] for i in labels]
                        for name, labels in study.label_sets.items()
                    },
                    "settings": study.settings,
                },
            ),
        ],
        question=SAY.question(),
        picture="topk_perturbation_vs_k",
        facts={
            "Data set": str(data["name"]),
            "n": f"at most {study.images} attacked images a choice of labels",
            "Seeds": seeds,
            "Protocol": f"model {study.primary_model}, preset {study.preset}",
        },
        terms={name: SAY.term(name) for name in ("stealth", "preset")},
        links=[
            Link("the paper (arXiv 2309.00007)", "https://arxiv.org/abs/2309.00007"),
            Link("findings of the full run", "docs/findings.md"),
            Link("method and data", "docs/studies/topk.md"),
            Link("code", "src/advlearn/studies/topk"),
        ],
    )
