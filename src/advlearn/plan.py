"""What the rules need to know while the graph of jobs is built, without torch or pandas."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from advlearn.config import Config, check_keys_once, load, removed_names, settings_of
from advlearn.data.facts import image_facts
from advlearn.studies import studies, study
from advlearn.studies.base import PARTS, Study
from advlearn.studies.plan import BRACES, StudyPlan, as_input
from advlearn.support import runlock
from advlearn.support.codedigest import Sources, own_function_digest
from advlearn.support.errors import UserError
from advlearn.support.invocation import check_run, check_writable
from advlearn.support.leftovers import remove_leftovers
from advlearn.support.provenance import lock_digest

SHARED = ("download", "prepare", "record", "report")
"""Stages that serve all studies at once."""


class Plan:
    """A checked configuration with what the rules of all studies share.

    Args:
        values: the merged configuration.
        files: the files it came from, for messages.
        lock: lock file of the environment.

    Raises:
        UserError: the configuration or the user's file of images is wrong, or the project's folder
            has braces in its name.
    """

    def __init__(self, values: Mapping[str, Any], files: Sequence[Any], lock: Path) -> None:
        folder = lock.resolve().parent
        if BRACES & set(str(folder)):
            raise UserError(
                "Snakemake cannot work in a folder with braces in its name",
                where=str(folder),
                remedy="rename the folder, or move the project to another one",
            )
        self.files = " + ".join(str(file) for file in files) or "configuration"
        for file in files:
            check_keys_once(Path(file))
        given = {key: value for key, value in values.items() if key != "pathvars"}
        self.config: Config = load(given, self.files)
        self.images = image_facts(self.config.data, self.config.sources)
        self._left_out = removed_names(self.config, given)
        self.studies = studies()
        for each in self.studies:
            for name in settings_of(self.config, each.name).own_functions():
                own_function_digest(name)
        self.lock = lock_digest(lock)
        self.lock_file = relative_path(lock)
        self.run_folder = f"results/{self.config.run}"
        self.log_folder = f"logs/{self.config.run}"
        self.raw = _raw_name(self.config)
        self._published = lock.parent / "config" / "published"
        self.published_folder = relative_path(self._published)
        self._captions = lock.parent / "workflow" / "report"
        self._sources = Sources()

    def begin(self) -> None:
        """Lock the run that begins now in this folder, and remove what killed jobs have left.

        Raises:
            UserError: another run of this name works here, a folder is read-only, or the clock was
                set back.
        """
        folders = (self.run_folder, self.log_folder)
        check_writable(Path(part) for path in folders for part in (Path(path).parent, path))
        lock = runlock.lock_of(self.config.run)
        runlock.begin(lock)
        remove_leftovers(Path(self.run_folder))
        runlock.share(lock)

    def check_run(self, target: str) -> None:
        """Refuse the target of a shipped run where another run is configured.

        Raises:
            UserError: with the command to type.
        """
        check_run(target, self.config.run, self.files)

    def study(self, name: str) -> Any:
        """The plan of one study, a `StudyPlan`."""
        found, settings = study(name), settings_of(self.config, name)
        plan: StudyPlan[Any] = found.load(found.plan)(found, settings, self.config, self.images)
        return plan

    def code(self, stage: str) -> str:
        """Digest of everything of the package that a rule can reach.

        Args:
            stage: name of a stage, or ``STUDY_tables``, ``STUDY_figures`` and ``STUDY_report``.
        """
        return self._sources.digest(*modules_of(stage))

    def digests(self, of: Sequence[Study]) -> str:
        """Code digests of the rules of some studies and of those that all share, JSON.

        Without stages that the run leaves out: what an earlier run of the same name had of them is
        no part of this one.
        """
        left_out = {
            stage for each in of for stage in settings_of(self.config, each.name).left_out()
        }
        return json.dumps({rule: self.code(rule) for rule in sorted(set(rules(of)) - left_out)})

    def resolved(self) -> str:
        """The whole configuration with every default, JSON.

        Names that were taken away stay in it with null: given to Snakemake it is laid over
        config/config.yaml again, which has them.
        """
        values = json.loads(self.config.to_json())
        for (name, key), names in self._left_out.items():
            values[name][key].update(dict.fromkeys(names))
        return json.dumps(values)

    def study_seeds(self) -> str:
        """Seeds of every study, and of stages with seeds of their own, JSON."""
        own = {each.name: settings_of(self.config, each.name) for each in self.studies}
        seeds = {name: list(settings.seeds_of(self.config)) for name, settings in own.items()}
        for settings in own.values():
            seeds |= {stage: list(values) for stage, values in settings.further_seeds().items()}
        return json.dumps(seeds)

    def own_arrays(self) -> list[str]:
        """The user's own array file, an input of download; nothing for every other data set."""
        root = self.config.sources.root
        if self.config.data.dataset != "arrays" or root is None:
            return []
        return [as_input(root, "sources.root")]

    def published(self, name: str) -> list[str]:
        """Files of a study's published numbers."""
        return sorted(relative_path(path) for path in (self._published / name).glob("*.csv"))

    def captions(self, name: str) -> list[str]:
        """Captions of a study's figures, inputs of the report."""
        return sorted(relative_path(path) for path in self._captions.glob(f"{name}/figures/*.rst"))


def rules(of: Sequence[Study] = ()) -> dict[str, str]:
    """Rule -> the stage that it runs, for all rules of some studies, or of all, but the targets."""
    found = {stage: stage for stage in SHARED}
    for each in of or studies():
        found |= {stage: stage for stage in each.stages}
        found |= {f"{each.name}_{part}": part for part in PARTS}
    return found


def modules_of(rule: str) -> list[str]:
    """Dotted names of the modules that a rule's result depends on, with all that they import.

    Raises:
        KeyError: there is no such rule.
    """
    stage = rules()[rule]
    for each in studies():
        if stage in each.stages:
            return each.modules(stage)
    module = f"advlearn.stages.{stage}"
    if stage in PARTS and stage != rule:
        return [module, *study(rule.removesuffix(f"_{stage}")).modules(stage)]
    if stage == "report":
        return [module, *(name for each in studies() for name in each.modules(stage))]
    return [module]


def relative_path(path: Path) -> str:
    """Relative where it can be: a project that is moved does not run again."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _raw_name(config: Config) -> str:
    """Folder of the raw files below results/raw: one a data set, and one a file of own arrays."""
    if config.data.dataset != "arrays":
        return config.data.dataset
    return f"arrays-{hashlib.blake2b(str(config.sources.root).encode(), digest_size=4).hexdigest()}"
