"""From a file back to what was given: the jobs in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from advlearn.chain.rules import RuleJob


@dataclass
class Chain:
    """Jobs behind some files.

    Attributes:
        jobs: every job after those whose files it reads.
        used: outputs of each job that the chain uses, by the job's first output.
        given: files that no rule makes.
    """

    jobs: list[RuleJob] = field(default_factory=list)
    used: dict[str, list[str]] = field(default_factory=dict)
    given: list[str] = field(default_factory=list)


def follow(
    files: Iterable[str],
    job_of: Callable[[str], RuleJob | None],
    reads: Callable[[RuleJob, str, RuleJob | None], bool],
) -> Chain:
    """Walk from ``files`` to everything that they were made of.

    Args:
        files: paths as in the rules.
        job_of: the job that makes a file, none for a given one.
        reads: whether a job's input, with the job that makes it, belongs to the chain.
    """
    chain = Chain()

    def visit(file: str) -> None:
        job = job_of(file)
        if job is None:
            if file not in chain.given:
                chain.given.append(file)
            return
        key = job.outputs[0]
        seen = key in chain.used
        used = chain.used.setdefault(key, [])
        if file not in used:
            used.append(file)
        if seen:
            return
        for each in job.inputs:
            if reads(job, each, job_of(each)):
                visit(each)
        chain.jobs.append(job)

    for file in files:
        visit(file)
    return chain
