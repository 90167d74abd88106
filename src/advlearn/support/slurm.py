"""Asks SLURM, before the first job is submitted, whether it can report the state of jobs."""

from __future__ import annotations

import re
import shutil
import subprocess

from advlearn.support.errors import UserError

# The questions that the executor plugin asks every time, without its own run's name.
QUESTIONS = {
    "sacct": "sacct -X --parsable2 --clusters all --noheader --format=JobIdRaw,State"
    " --starttime now-1minutes --name advlearn",
    "squeue": "squeue --format=%i|%T --states=all --noheader --name advlearn",
}
PATIENCE = 60.0


def check_status_query(command: str, first_wait: int, patience: float = PATIENCE) -> str:
    """Ask once what Snakemake's SLURM plugin will ask again and again.

    The plugin (2.8) takes a question that fails for "no news yet" and waits for ever without a
    word. The usual cause: ``sacct`` is installed, but the cluster keeps no accounts.

    Args:
        command: ``sacct`` or ``squeue``, the plugin's setting ``status_command``.
        first_wait: seconds before its first question, ``init_seconds_before_status_checks``.
            The plugin uses ``sacct`` in place of ``squeue`` where SLURM forgets jobs
            (``MinJobAge``) before three times this.
        patience: seconds to wait for an answer.

    Returns:
        The command that the plugin will use.

    Raises:
        UserError: SLURM is not here, or does not answer.
    """
    used = command
    memory = _min_job_age(patience)
    forgetful = memory is None or memory < 3 * first_wait
    if used == "squeue" and forgetful and shutil.which("sacct"):
        used = "sacct"
    if used == "sacct" and not shutil.which("sacct"):
        used = "squeue"
    problem = _failure(QUESTIONS[used].split(), patience)
    if problem is None:
        return used
    if used != "sacct":
        remedy = (
            "start the workflow on a login node of the cluster, and see whether 'sinfo' answers"
        )
    elif command == "squeue":
        remedy = (
            f"squeue was asked for, but this cluster forgets finished jobs too soon (MinJobAge: "
            f"{'unknown' if memory is None else f'{memory} s'}, needed: {3 * first_wait} s): start"
            " with a smaller --slurm-init-seconds-before-status-checks, or ask the administrators"
            " for accounting or a larger MinJobAge"
        )
    else:
        remedy = "set 'slurm-status-command: squeue' in the profile; 'sacct' needs accounting"
    raise UserError(
        f"SLURM does not say how jobs fare, so the workflow would wait for ever: {problem}",
        where=f"slurm-status-command: {command}",
        remedy=remedy,
    )


def _min_job_age(patience: float) -> int | None:
    """Seconds for which SLURM remembers a finished job; None where it cannot be asked."""
    try:
        done = subprocess.run(
            ["scontrol", "show", "config"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=patience,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"^MinJobAge\s*=\s*(\d+)", done.stdout, flags=re.MULTILINE)
    return int(found[1]) if found else None


def _failure(question: list[str], patience: float) -> str | None:
    """What is wrong with the answer, none when it is one."""
    program = question[0]
    try:
        done = subprocess.run(
            question,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=patience,
            check=False,
        )
    except FileNotFoundError:
        return f"there is no '{program}' on this machine"
    except subprocess.TimeoutExpired:
        return f"'{program}' gave no answer within {patience:g} s"
    if done.returncode == 0:
        return None
    said = " ".join(done.stderr.split()) or "without a reason"
    return f"'{program}' failed: {said}"
