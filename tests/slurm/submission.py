"""Snakemake in front of a cluster: started, watched, interrupted."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.slurm.cluster import Cluster
from tests.workflow.project import SMOKE, Project

# The profile as it is shipped, but for the forty seconds until the first question about a job.
PROFILE = (
    "--workflow-profile", "profiles/slurm",
    "--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1",
)  # fmt: skip


class Submission:
    """A workflow whose jobs run on the cluster."""

    def __init__(self, cluster: Cluster, project: Project, *arguments: str) -> None:
        self._cluster = cluster
        earlier = list(project.root.glob("submission*.log"))
        self._log = project.root / f"submission{len(earlier)}.log"
        snakemake = Path(sys.executable).with_name("snakemake")
        command = [str(snakemake), *arguments, "--nocolor", *PROFILE, "--configfile", SMOKE]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command,
                cwd=project.root,
                env=project.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A shell that starts the tests in the background has SIGINT ignored below it.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    @property
    def output(self) -> str:
        """What Snakemake has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def steps(self) -> tuple[int, int]:
        """Numbers of finished and of all jobs, as Snakemake last counted them."""
        found = re.findall(r"^(\d+) of (\d+) steps", self.output, flags=re.MULTILINE)
        return (int(found[-1][0]), int(found[-1][1])) if found else (0, 0)

    def job_ids(self) -> list[str]:
        """SLURM's numbers of the jobs submitted so far."""
        return re.findall(r"submitted with SLURM jobid (\d+)", self.output)

    def running(self) -> bool:
        """Whether Snakemake is at work."""
        return self._process.poll() is None

    def until(self, what: str, done: Callable[[], bool], seconds: float) -> None:
        """Wait until something is so while the workflow runs."""

        def seen() -> bool:
            assert self.running(), f"Snakemake ended before {what}:\n{self.output[-5000:]}"
            return done()

        self._cluster.wait(what, seen, seconds)

    def interrupt(self) -> None:
        """What Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def wait(self, seconds: float) -> int:
        """Exit status, once it has ended."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"still runs after {seconds:g} s:\n{self.output[-5000:]}") from None

    def __enter__(self) -> Submission:
        return self

    def __exit__(self, *error: object) -> None:
        if self.running():
            self._process.kill()
            self._process.wait()
            self._cluster.cancel_all()
