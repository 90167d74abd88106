"""What a change makes run again: exactly the stages whose result it can change."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.workflow.jobs import (
    BILEVEL_PAPER,
    CONFIG,
    EVERYTHING,
    PAPER,
    REPORT,
    SEARCH,
    SMOKE,
    TOPK_PAPER,
    bilevel,
    images,
    line,
    selective,
    topk,
)
from tests.workflow.project import Project

pytestmark = pytest.mark.xdist_group("smoke")

# Each: file, text that occurs once in it, its replacement, the jobs that run again. `record` notes
# the code digests of all stages, and the report shows the record.
CODE = {
    "a metric of the networks": (
        "src/advlearn/metrics/accuracy.py",
        "batch_size: int = 500) -> Tensor",
        "batch_size: int = 501) -> Tensor",
        images("download", "prepare", "topk_data", "topk_pretrain", "topk_search", "topk_attack"),
    ),
    "style of the figures": (
        "src/advlearn/report/style.py",
        "COLUMN_WIDTH = 3.4",
        "COLUMN_WIDTH = 3.5",
        {"selective_figures": 1, "topk_figures": 1, "bilevel_figures": 1, **REPORT},
    ),
    "a data file of the package": (
        "src/advlearn/report/resources/advlearn.mplstyle",
        "svg.fonttype",
        "# a comment\nsvg.fonttype",
        {"selective_figures": 1, "topk_figures": 1, "bilevel_figures": 1, **REPORT},
    ),
    "a table of study 3": (
        "src/advlearn/studies/bilevel/paper/tables/delta_formulas.py",
        "from __future__ import annotations\n",
        "from __future__ import annotations\n\nROW = 1\n",
        {"bilevel_tables": 1, **REPORT},
    ),
    "a clusterer": (
        "src/advlearn/learners/clusterers/dbscan.py",
        "_SAMPLED = 500",
        "_SAMPLED = 501",
        {
            **selective("download", "prepare", *SEARCH, "pretrain", "craft", "embed"),
            **bilevel("bilevel_data", "bilevel_path", "bilevel_delta", "bilevel_poison"),
        },
    ),
    "a network": (
        "src/advlearn/learners/networks/mlp.py",
        "from __future__ import annotations\n",
        "from __future__ import annotations\n\nWIDTH = 1\n",
        images("download", "prepare"),
    ),
    "how retrained models are trained": (
        "src/advlearn/training/adversarial.py",
        "from __future__ import annotations\n",
        "from __future__ import annotations\n\nRATE = 1\n",
        {**SEARCH, "retrain": 6, "evaluate": 6, "strengthen": 4, **PAPER},
    ),
    "selection rules": (
        "src/advlearn/selection/rules.py",
        "from __future__ import annotations\n",
        "from __future__ import annotations\n\nRULE = 1\n",
        line(6, 4),
    ),
    "a loss of the attacks on the top k": (
        "src/advlearn/deviations/topk.py",
        "from __future__ import annotations\n",
        "from __future__ import annotations\n\nLOSS = 1\n",
        topk("topk_data", "topk_pretrain"),
    ),
    "the scenes": (
        "src/advlearn/data/multilabel/scenes.py",
        "from __future__ import annotations\n",
        "from __future__ import annotations\n\nSCENE = 1\n",
        topk(),
    ),
    "a point set": (
        "src/advlearn/data/point_sets.py",
        "from __future__ import annotations\n",
        "from __future__ import annotations\n\nPOINTS = 1\n",
        bilevel("bilevel_onepoint", "bilevel_delta"),
    ),
    "the solver of convex clustering": (
        "src/advlearn/learners/convex/ama.py",
        "from __future__ import annotations\n",
        "from __future__ import annotations\n\nSTEP = 1\n",
        bilevel("bilevel_data", "bilevel_poison", "bilevel_delta"),
    ),
    "a certificate": (
        "src/advlearn/certificates/radius.py",
        "from __future__ import annotations\n",
        "from __future__ import annotations\n\nRADIUS = 1\n",
        {"bilevel_certify": 1, **BILEVEL_PAPER},
    ),
    "a docstring": (
        "src/advlearn/metrics/accuracy.py",
        '"""Logits and correct predictions, a batch at a time."""',
        '"""Logits."""  # and a comment',
        {},
    ),
    "the command line": ("src/advlearn/cli.py", "obtain a data", "obtain some data", {}),
    "a pin of the lock": ("requirements.txt", "\nnumpy==", "\nnumpy==9", EVERYTHING),
    "a comment of the lock": ("requirements.txt", "\nnumpy==", "\n# a comment\nnumpy==", {}),
}  # fmt: skip
SETTINGS = {
    "radius of an attack": (
        SMOKE,
        "fgsm: {epsilon: 0.1}",
        "fgsm: {epsilon: 0.2}",
        line(4, 2, craft=2, embed=4, cluster=10),
    ),
    "one seed more": (
        SMOKE,
        "seeds: [0, 1]",
        "seeds: [0, 1, 2]",
        line(3, 2, pretrain=1, craft=2, embed=3, cluster=7),
    ),
    "one seed less": (SMOKE, "seeds: [0, 1]", "seeds: [1]", PAPER),
    "learning rate of the classifier": (
        SMOKE,
        "learning_rate: 0.003",
        "learning_rate: 0.004",
        selective("download", "prepare", *SEARCH),
    ),
    "a parameter of one clusterer": (
        SMOKE,
        "dbscan: {eps_quantile: [0.9]",
        "dbscan: {eps_quantile: [0.8]",
        line(2, 2, cluster=2),
    ),
    "perplexity of t-SNE": (
        SMOKE,
        "perplexity: 20",
        "perplexity: 19",
        line(2, 0, embed=2, cluster=2),
    ),
    "schedule of retraining": (
        SMOKE,
        "retrain: {crafting: online",
        "retrain: {schedule: mixed, crafting: online",
        {"retrain": 6, "evaluate": 6, "strengthen": 4, **PAPER},
    ),
    "images on which models are measured": (
        SMOKE,
        "evaluate: {validation_images: 100",
        "evaluate: {validation_images: 90",
        {"evaluate": 6, "strengthen": 4, **PAPER},
    ),
    "how many images meet the strong attacks": (
        SMOKE,
        "strong: {images: 30",
        "strong: {images: 29",
        {"strengthen": 4, **PAPER},
    ),
    "how long the search trains": (SMOKE, "epochs: 2", "epochs: 3", {**SEARCH, **PAPER}),
    "universes of the second stage": (
        SMOKE,
        "share: 0.25",
        "share: 0.5",
        {"finalists": 1, "confirm": 3, **PAPER},
    ),
    "a universe that the run does not use": (
        CONFIG,
        "online_steps: 5",
        "online_steps: 6",
        {"record": 1, "report": 1},
    ),
    "torch threads": (
        CONFIG,
        "\nthreads: 1 ",
        "\nthreads: 2 ",
        images("download", "prepare", "topk_data"),
    ),
    "a network of study 2": (
        SMOKE,
        "resnet: {network: {widths: [8, 16]",
        "resnet: {network: {widths: [8, 24]",
        {"topk_pretrain": 1, "topk_search": 1, "topk_attack": 4, "topk_transfer": 1, **TOPK_PAPER},
    ),
    "sizes of the top": (SMOKE, "  k: [2, 3]", "  k: [2]", {"topk_attack": 3, **TOPK_PAPER}),
    "label sets": (
        CONFIG,
        "strokes: [1, 4, 7]",
        "strokes: [1, 4]",
        {"topk_attack": 1, **TOPK_PAPER},
    ),
    "weights of the norm": (
        SMOKE,
        "alphas: [0.0, ",
        "alphas: [0.5, ",
        {"topk_attack": 1, **TOPK_PAPER},
    ),
    "attacked images": (
        SMOKE,
        "  images: 20",
        "  images: 19",
        {"topk_attack": 4, "topk_transfer": 1, **TOPK_PAPER},
    ),
    "the scenes themselves": (SMOKE, "labels: [3, 7]", "labels: [3, 6]", topk()),
    "images of the figure": (CONFIG, "\n  examples: 3", "\n  examples: 2", TOPK_PAPER),
    "the draw of the splits": (CONFIG, "split_seed: 0", "split_seed: 1", images("download")),
    "the points of study 3": (
        SMOKE,
        "blobs: {points: 30",
        "blobs: {points: 27",
        bilevel("bilevel_onepoint", "bilevel_delta"),
    ),
    "the graph of study 3": (
        CONFIG,
        "phi: 0.5}",
        "phi: 0.4}",
        bilevel("bilevel_data", "bilevel_poison", "bilevel_onepoint", "bilevel_delta"),
    ),
    "what is certified": (
        SMOKE,
        "    calmness: 2",
        "    calmness: 3",
        {"bilevel_certify": 1, **BILEVEL_PAPER},
    ),
    "partitions of the delta-measure": (
        SMOKE,
        "    partitions: 10",
        "    partitions: 9",
        {"bilevel_delta": 1, **BILEVEL_PAPER},
    ),
}


@pytest.mark.parametrize("change", CODE)
def test_changed_code_runs_again_what_it_can_change(
    smoke: Project, tmp_path: Path, change: str
) -> None:
    file, old, new, expected = CODE[change]
    project = smoke.moved(tmp_path / "copy")
    project.edit(file, old, new)
    assert project.would_run() == expected


@pytest.mark.parametrize("change", SETTINGS)
def test_a_changed_setting_runs_again_what_it_can_change(
    smoke: Project, tmp_path: Path, change: str
) -> None:
    file, old, new, expected = SETTINGS[change]
    project = smoke.moved(tmp_path / "copy")
    project.edit(file, old, new)
    assert project.would_run() == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        # A study that is asked for alone gets a record and a page of its own.
        ("selective", {"selective_figures": 1, "record": 1, "selective_report": 1}),
        ("topk", {"record": 1, "topk_report": 1}),
        ("bilevel", {"record": 1, "bilevel_report": 1}),
        ("smoke", {"selective_figures": 1, "report": 1}),
    ],
)
def test_a_lost_figure_is_drawn_again_and_nothing_computed(
    smoke: Project, tmp_path: Path, target: str, expected: dict[str, int]
) -> None:
    project = smoke.moved(tmp_path / "copy")
    (project.root / "results/smoke/paper/figures/selective_tradeoff.svg").unlink()
    assert project.would_run(target) == expected


def test_lost_evaluations_are_measured_again_when_they_are_asked_for(
    smoke: Project, tmp_path: Path
) -> None:
    project = smoke.moved(tmp_path / "copy")
    file = "results/smoke/evaluation/small/seed1/fgsm/tsne.csv"
    (project.root / file).unlink()
    assert project.would_run(file) == {"evaluate": 1}


def test_why_says_in_words_what_would_run(smoke: Project, tmp_path: Path) -> None:
    project = smoke.moved(tmp_path / "copy")

    def why() -> str:
        command = (sys.executable, "scripts/why.py", "smoke", "--configfile", SMOKE)
        done = project.run(*command)
        assert done.status == 0, done.output
        return done.output

    assert "Nothing would run: every result is there and up to date." in why()
    project.edit(SMOKE, "fgsm: {epsilon: 0.1}", "fgsm: {epsilon: 0.2}")
    (project.root / "results/smoke/report.html").unlink()
    said = {line.split()[0]: line for line in why().splitlines()}
    assert "2 jobs" in said["craft"]
    assert "a setting has changed" in said["craft"]
    assert "an earlier step of this list will change its input" in said["embed"]
    assert "its result does not exist yet" in said["report"]


def test_a_published_number_redraws_its_own_study_and_computes_nothing(
    smoke: Project, tmp_path: Path
) -> None:
    project = smoke.moved(tmp_path / "copy")
    published = project.root / "config/published/selective/selective_table1_fgsm.csv"
    published.write_text(published.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert project.would_run() == {"selective_tables": 1, "selective_figures": 1, "report": 1}
