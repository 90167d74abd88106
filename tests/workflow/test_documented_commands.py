"""Commands of README, docs and Makefile that start Snakemake plan the jobs they are meant to."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.workflow.project import ROOT, Project, job_counts

PAGES = ("README.md", "CONTRIBUTING.md", "docs/**/*.md")
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
# What a block is to be saved as: YAML says so in its first line, Python in the line before it.
YAML = re.compile(r"# (?P<file>[\w-]+\.yaml)\b")
MODULE = re.compile(r"^`(?P<file>[\w/]+\.py)`, [^\n]*\n\n\Z", re.MULTILINE)
CODE = "path/to/your/code"
PHOTOS = "/path/to/my-photos"
CLASSES = ",".join(f"class{number}" for number in range(81))
CATEGORIES = json.dumps({"categories": [{"id": n, "name": f"class{n}"} for n in range(20)]})
# What the reader has: heads of lists, small tables and arrays are read while jobs are planned.
OWN = {
    f"{CODE}/mylab/networks.py": "def wide(settings, shape, n_classes): ...\n",
    "tables/flow.csv": "x,y,kind\n" + "".join(f"{number},{number % 3},a\n" for number in range(9)),
    "my-copy.yaml": "topk: {photos: {root: copy}}\n",
    **{
        f"{folder}/annotations/instances_{part}2014.json": CATEGORIES
        for folder in ("my-photos", "mosaics")
        for part in ("train", "val")
    },
    **{
        f"copy/classification_labels/classification_{part}.csv": f"img,{CLASSES}\n"
        for part in ("trainval", "test")
    },
    **{f"copy/ImageList/{part}Imagelist.txt": "a.jpg\n" for part in ("Train", "Test")},
}


def write_images(path: Path) -> None:
    """Own arrays of ten classes, more than what is set aside for validation."""
    arrays: dict[str, np.ndarray] = {}
    for part, n in (("train", 2000), ("test", 100)):
        arrays[f"{part}_images"] = np.zeros((n, 28, 28), dtype=np.uint8)
        arrays[f"{part}_labels"] = np.arange(n) % 10
    np.savez(path, **arrays)  # type: ignore[arg-type]


SELECTIVE, TOPK = "docs/studies/selective.md", "docs/studies/topk.md"
FURTHER = "docs/studies/selective-further.md"
START = "docs/getting-started.md"
SLURM = "--workflow-profile profiles/slurm"
# The page, the words after `snakemake`, and the number of jobs without the targets.
JOBS = {
    (START, "demo --cores 2 --configfile config/demo.yaml"): 170,
    (START, "topk --cores 2 --configfile config/demo.yaml"): 21,
    (START, f"selective {SLURM} --configfile config/scenarios/factorial.yaml"): 1985,
    (START, "selective --cores 2 --configfile config/demo.yaml my-lab.yaml"): 132,
    ("docs/clusters.md", f"demo {SLURM} --configfile config/demo.yaml"): 170,
    ("docs/clusters.md", "selective --cores 8 --config 'seeds=[0,1,2,3,4]'"): 558,
    ("docs/clusters.md", "selective --cores 8 --config run=more 'seeds=[5,6,7,8,9]'"): 558,
    ("docs/own-attack.md", "selective --cores 2 --configfile config/demo.yaml my-lab.yaml"): 57,
    ("docs/own-attack.md", "topk --cores 2 --configfile config/demo.yaml my-lab.yaml"): 21,
    ("docs/own-attack.md", "bilevel --cores 2 --configfile config/demo.yaml my-lab.yaml"): 23,
    ("docs/own-cluster.md", "selective --cores 2 --configfile config/demo.yaml my-lab.yaml"): 39,
    ("docs/own-data.md", "selective --cores 2 --configfile config/demo.yaml my-arrays.yaml"): 132,
    ("docs/own-data.md", "topk --cores 2 --configfile config/demo.yaml my-photos.yaml"): 13,
    ("docs/own-data.md", "bilevel --cores 2 --configfile config/demo.yaml my-table.yaml"): 11,
    ("docs/own-model.md", "selective --cores 2 --configfile config/demo.yaml my-lab.yaml"): 132,
    ("docs/own-model.md", "topk --cores 2 --configfile config/demo.yaml my-lab.yaml"): 21,
    ("docs/own-reduction.md", "selective --cores 2 --configfile config/demo.yaml my-lab.yaml"): 51,
    ("docs/own-selection.md", "selective --cores 2 --configfile config/demo.yaml my-lab.yaml"): 36,
    (SELECTIVE, f"selective {SLURM} --configfile config/scenarios/factorial.yaml"): 1985,
    (SELECTIVE, "results/paper/search/plausible.yaml"): 52,
    (
        FURTHER,
        "selective --cores 2 --configfile config/scenarios/fashion-mnist.yaml"
        " --config 'seeds=[0,1,2,3,4]'",
    ): 98,
    (FURTHER, "selective --cores 2 --configfile config/scenarios/cifar10.yaml small.yaml"): 64,
    (TOPK, "topk --cores 2 --configfile config/demo.yaml"): 21,
    (TOPK, "topk --cores 2"): 73,
    (TOPK, "demo --cores 2 --configfile config/demo.yaml"): 170,
    (TOPK, "topk --cores 2 --configfile config/scenarios/voc2012.yaml"): 27,
    (TOPK, "topk --cores 2 --configfile config/scenarios/coco2014.yaml"): 13,
    (TOPK, "topk --cores 2 --configfile config/scenarios/density.yaml"): 32,
    (TOPK, "topk --cores 2 --configfile config/scenarios/nuswide.yaml my-copy.yaml"): 13,
    (TOPK, "topk --cores 2 --configfile config/scenarios/mosaics.yaml"): 27,
    (TOPK, f"topk {SLURM} --config device=cuda --configfile config/scenarios/voc2012.yaml"): 27,
    ("Makefile", "demo --configfile config/demo.yaml"): 170,
    ("Makefile", "smoke --configfile config/smoke.yaml"): 82,  # of two seeds in tests
    ("Makefile", "paper --configfile config/config.yaml"): 1134,
}
# Run for real by tests/workflow/test_own_study.py, which adds the study first.
ELSEWHERE = {("docs/own-study.md", "toy --cores 2 --configfile config/smoke.yaml")}


@dataclass(frozen=True)
class Command:
    """A command of a page.

    Attributes:
        page: where it stands.
        words: what follows `snakemake`.
        files: name -> text of what the page has the reader write before it.
    """

    page: str
    words: str
    files: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        return self.page, self.words


def commands() -> Iterator[Command]:
    for pattern in PAGES:
        for path in sorted(ROOT.glob(pattern)):
            yield from commands_of(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
    recipes = re.findall(r"^\t\$\(SNAKEMAKE\) (.*)$", (ROOT / "Makefile").read_text(), re.M)
    yield from (Command("Makefile", words) for words in recipes if "$" not in words)


def commands_of(page: str, text: str) -> Iterator[Command]:
    """The commands in the order of the page, each with the files that stand before it."""
    files: dict[str, str] = {}
    for block in FENCE.finditer(text):
        content = block["text"]
        if block["language"] == "yaml" and (named := YAML.match(content)):
            files[named["file"]] = content
        if block["language"] == "python" and (named := MODULE.search(text, 0, block.start())):
            files[f"{CODE}/{named['file']}"] = content
        if block["language"] not in ("", "sh"):
            continue
        for line in content.replace("\\\n", " ").splitlines():
            words = re.sub(r"(^| )#.*", "", line).split()
            starts = [at for at, word in enumerate(words) if Path(word).name == "snakemake"]
            if starts and all("=" in word for word in words[: starts[0]]):
                yield Command(page, " ".join(words[starts[0] + 1 :]), tuple(files.items()))


COMMANDS = {each.key: each for each in commands()}


def test_the_table_has_the_commands_of_the_pages_and_no_other() -> None:
    assert set(COMMANDS) == set(JOBS) | ELSEWHERE


def test_commands_are_read_with_the_files_that_stand_before_them() -> None:
    page = (
        "`lab/nets.py`, anywhere:\n\n```python\nx = 1\n```\n\n"
        "```yaml\n# mine.yaml: a note\nrun: a\n```\n"
        "```sh\nA=b .venv/bin/snakemake topk \\\n    --configfile mine.yaml  # a note\nmake demo\n"
        "```\n```yaml\n# mine.yaml\nrun: b\n```\n```\nsnakemake all\n```\n"
    )
    first, second = commands_of("page", page)
    assert first.words == "topk --configfile mine.yaml"
    assert dict(first.files) == {
        f"{CODE}/lab/nets.py": "x = 1\n",
        "mine.yaml": "# mine.yaml: a note\nrun: a\n",
    }
    assert (second.words, dict(second.files)["mine.yaml"]) == ("all", "# mine.yaml\nrun: b\n")


@pytest.mark.slow
def test_every_command_plans_the_jobs_that_it_is_meant_to(project: Project) -> None:
    """All in one test: that takes a minute, and the copy of the project is made once."""
    known: dict[tuple[object, ...], int | str] = {}
    wrong: dict[tuple[str, str], int | str] = {}
    for key, jobs in JOBS.items():
        command = COMMANDS[key]
        same = (command.words, command.files)
        known[same] = known.get(same) or plan_size(project, command)
        if known[same] != jobs:
            wrong[key] = known[same]
    assert not wrong, "\n".join(f"{key}: {found}" for key, found in wrong.items())


def plan_size(project: Project, command: Command) -> int | str:
    """Number of jobs that the command would run, or what it said where it was refused."""
    for name, text in {**OWN, **dict(command.files)}.items():
        path = project.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(PHOTOS, "my-photos"), encoding="utf-8")
    write_images(project.root / "my_images.npz")
    for package in (project.root / CODE).glob("*"):
        package.joinpath("__init__.py").touch()
    packages = os.pathsep.join((str(project.root / "src"), str(project.root / CODE)))
    done = project.run(
        Path(sys.executable).with_name("snakemake"), *shlex.split(command.words), "--dry-run",
        "--nocolor", environment={"PYTHONPATH": packages},
    )  # fmt: skip
    return sum(job_counts(done.output).values()) if done.status == 0 else done.output[-2000:]
