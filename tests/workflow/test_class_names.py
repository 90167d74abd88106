"""Classes may be called anything: study 2 on own arrays with such names, to the end."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

from tests.workflow.project import SMOKE, Project

NAMES = [
    "5$%$", "$x_$ y", "$", "$$", "a_b", "100 %", "<b>", "`x`", "\\frac{a}{b} & #1 ~^",
    "|a|*b* _c_ [d](e) {0}",
]  # fmt: skip
CONFIG = """
run: names
data: {dataset: arrays, train_images: null, test_images: null, validation_images: 100}
sources: {root: mine.npz}
topk:
  scenes: {train_images: 300, validation_images: 60, test_images: 60}
  models: {resnet: {training: {epochs: 2}}}
  methods: [tkmia, kfool]
  attack: {iterations: 5}
  k: [2]
  n_specified: [1]
  focus: {k: 2, n_specified: 1}
  alphas: [0.0]
  hidden: [0.0]
  images: 5
"""


def write_arrays(path: Path) -> None:
    """Ten classes of images that are easy to tell apart: a bright row or column each."""
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for part, count in (("train", 500), ("test", 60)):
        labels = np.arange(count) % 10
        images = rng.integers(0, 60, (count, 8, 8), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[(label, slice(None)) if label < 5 else (slice(None), label - 5)] += 180
        arrays |= {f"{part}_images": images, f"{part}_labels": labels}
    np.savez(path, class_names=np.array(NAMES), **arrays)  # type: ignore[arg-type]


def test_names_of_any_signs_stand_in_what_study_2_makes(project: Project) -> None:
    write_arrays(project.root / "mine.npz")
    (project.root / "config/names.yaml").write_text(CONFIG, encoding="utf-8")
    done = project.run(
        sys.executable, "-m", "snakemake", "topk", "--cores", "1", "--nocolor",
        "--configfile", SMOKE, "config/names.yaml",
    )  # fmt: skip
    assert done.status == 0, done.output
    paper = project.root / "results/names/paper"
    with (paper / "tables/topk_models.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    found = {row["metric"].partition(":")[2] for row in rows} - {""}
    assert found == set(NAMES)
    assert len(list((paper / "figures").glob("*.svg"))) == 6
    assert len(list((paper / "tables").glob("*.tex"))) == 11
