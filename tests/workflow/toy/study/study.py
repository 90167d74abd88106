"""A toy study for the registry."""

from __future__ import annotations

from advlearn.studies.base import Stage, Study

STUDY = Study(
    name="toy",
    title="Study 4: how near the mean of a few draws is to the true one",
    settings="settings:ToySettings",
    plan="plan:ToyPlan",
    stages={
        "toy_draw": Stage("stages.draw:toy_draw", "draw numbers", "settings:DrawJob"),
        "toy_collect": Stage(
            "stages.collect:toy_collect", "gather the tidy table of the toy", "settings:CollectJob"
        ),
    },
    collect="toy_collect",
    tidy="paper.schema:ToyTidy",
    tables={"toy_means": "paper.means"},
    figures={"toy_values": "paper.values"},
    page="paper.page:page",
    downloads=False,
)
