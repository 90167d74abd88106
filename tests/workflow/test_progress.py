"""One line of progress on a real terminal, from Snakemake itself and from the rules."""

from __future__ import annotations

import os
import pty
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.workflow.project import Project

pytestmark = pytest.mark.workflow

SNAKEFILE = """
rule all:
    input:
        "a.txt",
        "b.txt",

rule good:
    output:
        "a.txt",
    log:
        "logs/good.log",
    shell:
        "touch {output}"

rule bad:
    output:
        "b.txt",
    log:
        "logs/bad.log",
    shell:
        "(echo error: no such data; exit 3) >{log} 2>&1"
"""


def on_terminal(command: list[str], folder: Path, source: Path) -> tuple[int, str]:
    """Status and output of a command whose output is a terminal."""
    child, end = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.environ["PYTHONPATH"] = str(source)
        os.execv(command[0], command)
    parts = []
    with suppress(OSError):  # the terminal is gone with the command
        while part := os.read(end, 4096):
            parts.append(part)
    os.close(end)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), b"".join(parts).decode()


def test_a_terminal_shows_one_line_and_every_error(tmp_path: Path, project: Project) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    snakemake = str(Path(sys.executable).with_name("snakemake"))
    command = [snakemake, "--logger", "advlearn", "--cores", "1", "--keep-going"]
    status, said = on_terminal(command, tmp_path, project.root / "src")
    assert status == 1
    drawn = [part for part in said.split("\r\x1b[2K") if "of 3 jobs" in part]
    assert any(part.startswith("0 of 3 jobs, 0 s: ") for part in drawn)
    assert any(part.startswith("1 of 3 jobs") for part in drawn)
    assert all("\n" not in part for part in drawn), drawn
    assert "Error in rule bad" in said
    assert "logs/bad.log" in said
    assert "error: no such data" in said
    assert "Finished jobid" not in said


def test_jobs_print_to_their_logs_alone(project: Project) -> None:
    target = "results/smoke/data/splits.csv"
    start = "    dataset = get(settings.dataset)\n    listed"
    project.edit("src/advlearn/stages/prepare.py", start, f'    print("spoken")\n{start}')
    for logger, heard in (((), True), (("--logger", "advlearn"), False)):
        done = project.snakemake(target, *logger, "--forcerun", "prepare")
        assert done.status == 0, done.output
        assert ("spoken\n" in done.output) is heard
        assert "finished: results are in results/smoke" in done.output
        assert "spoken\n" in (project.root / "logs/smoke/prepare.log").read_text()
