"""A copy of the project in which tests run Snakemake, stages and make."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from advlearn.studies import NAMES
from tests.workflow import forks

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (
    "Makefile", "Snakefile", "config", "environment.yml", "profiles", "pyproject.toml",
    "requirements.txt", "requirements-tools.txt", "scripts", "src", "workflow",
)  # fmt: skip
SMOKE = "config/smoke.yaml"


@dataclass(frozen=True)
class Finished:
    """A command that ended: its status and what it printed."""

    status: int
    output: str


@dataclass(frozen=True)
class Project:
    """A copy of the project's sources; all paths in tests are relative to ``root``."""

    root: Path

    @classmethod
    def copy(cls, root: Path) -> Project:
        """Copy the sources of the project under test."""
        root.mkdir(parents=True)
        for name in SOURCES:
            _copy(ROOT / name, root / name)
        project = cls(root)
        # Of all that depends on several seeds something must be seen; a user's smoke run has one.
        project.edit(SMOKE, "\nseeds: [0]\n", "\nseeds: [0, 1]\n")
        return project

    def moved(self, root: Path) -> Project:
        """Copy this copy with its results and what Snakemake knows of them, times included."""
        _copy(self.root, root)
        return Project(root)

    def run(self, *command: object, environment: dict[str, str] | None = None) -> Finished:
        """Run a command in the copy, on the copy's own package."""
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.root,
            env=self.environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        return Finished(done.returncode, done.stdout)

    def environment(self, more: dict[str, str] | None = None) -> dict[str, str]:
        """Environment of a command on the copy's own package."""
        given = {
            name: value
            for name, value in os.environ.items()
            # What an outer make, Snakemake, user or pytest has set must not reach the commands.
            if not name.startswith(("MAKE", "MFLAGS", "SNAKEMAKE", "ADVLEARN", "PYTEST", "OMP"))
        }
        given |= {"PYTHONPATH": str(self.root / "src"), "PYTHONUNBUFFERED": "1"}
        return given | (more or {})

    def snakemake(
        self,
        *arguments: str,
        config: str = SMOKE,
        cores: int = 1,
        environment: dict[str, str] | None = None,
    ) -> Finished:
        """Run Snakemake with a configuration, as the documentation teaches.

        With an environment of its own it is a whole start of Python, otherwise a fork of one.
        """
        words = ["--cores", str(cores), "--nocolor", *arguments, "--configfile", config]
        if environment is not None:
            return self.run(forks.SCRIPT, *words, environment=environment)
        return Finished(*forks.snakemake(words, self.root, self.environment()))

    def advlearn(self, stage: str, *options: str | Path) -> Finished:
        """Run a stage without Snakemake."""
        return self.run(sys.executable, "-m", "advlearn", stage, *options)

    def would_run(self, *arguments: str, config: str = SMOKE) -> dict[str, int]:
        """Numbers of jobs by rule of a dry run, the targets (which do nothing) left out."""
        done = self.snakemake("--dry-run", *arguments, config=config)
        assert done.status == 0, done.output
        return job_counts(done.output)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace the one occurrence of ``old`` in a file."""
        path = self.root / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file} has {text.count(old)} times {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def bytes_of(self, *patterns: str) -> dict[str, bytes]:
        """Contents of the files that fit the patterns, by relative path; none is an error."""
        found: dict[str, bytes] = {}
        for pattern in patterns:
            files = [path for path in sorted(self.root.glob(pattern)) if path.is_file()]
            assert files, f"no file {pattern} in {self.root}"
            found |= {str(path.relative_to(self.root)): path.read_bytes() for path in files}
        return found


def job_counts(output: str) -> dict[str, int]:
    """Read the table ``Job stats`` of a dry run; without the table nothing would run.

    >>> job_counts("Job stats:\\njob   count\\n----  ---\\nembed   2\\nall     1\\ntotal   3\\n")
    {'embed': 2}
    """
    targets = {"all", "everything", "paper", "demo", "smoke", "total", *NAMES}
    _, found, table = output.partition("Job stats:\n")
    if not found:
        assert "Nothing to be done" in output, output
        return {}
    rows = re.findall(r"^(\w+) +(\d+)$", table.split("\n\n")[0], flags=re.MULTILINE)
    assert rows, output
    return {rule: int(count) for rule, count in rows if rule not in targets}


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "locks", "log")
        shutil.copytree(source, target, symlinks=True, ignore=ignored)
    else:
        shutil.copy2(source, target)
