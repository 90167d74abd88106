"""The rules of the workflow as data: which job makes a file, without the graph of all jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from advlearn.support.errors import UserError


@dataclass(frozen=True)
class RuleJob:
    """One job, as its rule and the configuration define it.

    Attributes:
        rule: name of the rule.
        stage: the stage that it runs.
        wildcards: what tells it from the other jobs of the rule.
        inputs: files it reads, each once.
        outputs: files it writes.
        params: parameters by name.
        recorded: the parameters in the form in which Snakemake keeps them.
        log: its log file, or none.
    """

    rule: str
    stage: str
    wildcards: Mapping[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: Mapping[str, Any]
    recorded: tuple[str, ...]
    log: str | None


class Rules:
    """The rules under one configuration."""

    def __init__(self, rules: list[Any]) -> None:
        self._rules = rules
        # One job has many outputs, and many jobs read each of them.
        self.job_of = cache(self._job_of)

    def _job_of(self, file: str) -> RuleJob | None:
        """The job that makes ``file`` (a path as in the rules), or none for a file that is given.

        Raises:
            UserError: the configuration has no such job.
        """
        for rule in self._rules:
            if not rule.is_producer(file):
                continue
            wildcards = rule.get_wildcards(file)
            try:
                inputs, *_ = rule.expand_input(wildcards)
                outputs, _ = rule.expand_output(wildcards)
                params, own = rule.expand_params(wildcards, inputs, outputs, None)
            except Exception as error:  # Snakemake wraps what an input function raises
                raise UserError(
                    f"the rule {rule.name!r} cannot make {file}",
                    where=str(error).strip(),
                    remedy="give the configuration with which the file was made",
                ) from error
            return RuleJob(
                rule=rule.name,
                stage=_stage_of(rule.shellcmd) if rule.shellcmd else rule.name,
                wildcards={str(name): str(value) for name, value in wildcards.items()},
                inputs=tuple(dict.fromkeys(map(str, inputs))),
                outputs=tuple(map(str, outputs)),
                params={str(name): value for name, value in params.items()},
                recorded=tuple(sorted(map(repr, own))),
                log=next(iter(map(str, rule.expand_log(wildcards))), None),
            )
        return None


def _stage_of(command: str) -> str:
    """The stage of a command, which is ``python -m advlearn STAGE`` in every rule here."""
    return command.partition("python -m advlearn ")[2].split()[0]


@contextmanager
def rules_of(snakefile: Path, config: Path) -> Iterator[Rules]:
    """Load the workflow with a configuration, about two seconds; nothing runs.

    Args:
        snakefile: the front door of the workflow; paths are relative to the current folder.
        config: configuration file laid over that of the workflow.

    Raises:
        UserError: the workflow refuses the configuration.
    """
    # Of all commands only this one pays for Snakemake's import.
    from snakemake.api import OutputSettings, ResourceSettings, SnakemakeApi
    from snakemake.exceptions import WorkflowError
    from snakemake.settings.types import ConfigSettings, Quietness

    try:
        with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
            # Not public: Snakemake has no other way to its rules, and the lock pins its version.
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=1),
                config_settings=ConfigSettings(configfiles=[config]),
                snakefile=snakefile,
                workdir=Path.cwd(),
            )._workflow
            loaded = list(workflow.rules)
            yield Rules(loaded)
    except WorkflowError as error:
        raise UserError(
            f"the workflow refuses the configuration: {str(error).strip()}",
            where=str(config),
            remedy="use the version of this project with which the run was made",
        ) from error
