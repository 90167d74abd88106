"""What a study is to the rest of the project: names, and where its parts are found.

Parts are named by strings, ``module:attribute`` below the study's own package, and imported when
they are asked for: the graph of jobs is built without pandas or matplotlib, and the digest of one
study's code knows nothing of another study.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

PARTS = ("tables", "figures", "report")
"""Stages that serve each study by a rule of its own: STUDY_tables and so on."""


@dataclass(frozen=True)
class Stage:
    """One stage of a study; its name is that of its rule and of its command.

    Attributes:
        run: the function that the command calls.
        about: what it does, for the list of commands.
        job: settings class of its jobs, a `JobSettings`; empty where the rule passes none.
        describes_data: whether the collecting stage reads its files to describe the data.
    """

    run: str
    about: str
    job: str = ""
    describes_data: bool = False


@dataclass(frozen=True)
class Study:
    """One paper: its settings, stages, tables, figures and part of the report.

    Attributes:
        name: name of the package, the key of the configuration, the target and the prefix of
            every table and figure.
        title: what the study is, for readers.
        settings: settings class of the study's key of the configuration, a `StudySettings`.
        plan: class that lists the cells of a run for the rules, a `StudyPlan`.
        stages: stage name -> stage, in the order of the work.
        collect: the stage that gathers the tidy tables.
        tidy: class that reads them, a `Tidy`.
        tables: table name -> module with ``build``, from the tidy tables to a `Table`, in the order
            of the report; like the other parts it raises `UserError` where a tidy table is
            missing or damaged, or holds nothing to show.
        figures: figure name -> module with ``draw``, TITLE and CAPTION, in that order.
        page: function from the tidy tables to the study's part of the report.
        answer: function from the tidy tables to the `Answer` on the paper's central claim; empty
            for a study without one.
        findings: function from the tidy tables to its `Findings`, with the answer.
        downloads: whether its data are downloaded by the stage ``download``.
        optional: stages that a run may leave out (`StudySettings.left_out`), each with the tables
            and figures that are made of its results alone and are left out with it.
    """

    name: str
    title: str
    settings: str
    plan: str
    stages: Mapping[str, Stage]
    collect: str
    tidy: str
    tables: Mapping[str, str]
    figures: Mapping[str, str]
    page: str
    answer: str = ""
    findings: str = ""
    downloads: bool = True
    optional: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def package(self) -> str:
        """Dotted name of the study's package."""
        return f"{__package__}.{self.name}"

    def load(self, reference: str) -> Any:
        """The object behind ``module:attribute`` below the study's package."""
        module, _, attribute = reference.partition(":")
        return getattr(self._module(module), attribute)

    def table(self, name: str) -> ModuleType:
        """The module that builds a table."""
        return self._module(self.tables[name])

    def figure(self, name: str) -> ModuleType:
        """The module that draws a figure."""
        return self._module(self.figures[name])

    def module_of(self, kind: str, name: str) -> str:
        """Dotted name of the module that makes a table or a figure; ``kind`` as in `drawn`."""
        parts: Mapping[str, str] = getattr(self, kind)
        return f"{self.package}.{parts[name]}"

    def drawn(self, kind: str, left_out: Collection[str] = ()) -> list[str]:
        """Names of the tables or figures of a run, in the order of the report.

        Args:
            kind: ``tables`` or ``figures``.
            left_out: stages that the run leaves out.
        """
        names: Mapping[str, str] = {"tables": self.tables, "figures": self.figures}[kind]
        absent = {name for stage in left_out for name in self.optional.get(stage, ())}
        return [name for name in names if name not in absent]

    def modules(self, kind: str) -> list[str]:
        """Dotted names of the modules that decide the outcome of a stage for this study.

        Args:
            kind: a stage of the study, or one of the shared stages ``tables``, ``figures`` and
                ``report``.
        """
        if kind in self.stages:
            return self._dotted([self.stages[kind].run])
        parts = {
            "tables": self.tables.values(),
            "figures": self.figures.values(),
            "report": (
                self.page,
                *filter(None, [self.answer]),
                *self.tables.values(),
                *self.figures.values(),
            ),
        }
        return self._dotted(["study", self.tidy, *parts[kind]])

    def _dotted(self, references: Iterable[str]) -> list[str]:
        names = (reference.partition(":")[0] for reference in references)
        return [f"{self.package}.{name}" for name in dict.fromkeys(names)]

    def _module(self, name: str) -> ModuleType:
        return import_module(f"{self.package}.{name}")
