"""Command line: one subcommand a stage, imported only when it is called."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

try:
    import typer
except ModuleNotFoundError:
    sys.exit("error: the command line needs further packages: pip install 'advlearn[workflow]'")

from advlearn.studies import studies
from advlearn.support import jobnotes, run_checksums, runlock
from advlearn.support.errors import BudgetViolation, UserError
from advlearn.support.terminal import terminal

SHARED = {
    "download": "obtain a data set and check its files",
    "prepare": "turn raw files into arrays and write the splits down",
    "record": "write down what the run was made with",
    "tables": "make the paper's tables",
    "figures": "make the paper's figures",
    "report": "make one self-contained page of everything",
}
HELPERS = {
    "summary": "print what a run says of each paper, and where its results are",
    "profile": "print where the time of a run went",
    "explain": "print what a figure, a table or one of its numbers was made of",
    "join": "put runs of one study together: other seeds, other lines of the grid",
}


USAGE = "usage: python -m advlearn STAGE [OPTIONS]   (STAGE --help lists the options)"


def main(arguments: list[str] | None = None) -> None:
    """Run one stage; what the user can mend is printed without a traceback and gives status 2."""
    with terminal():
        _run(sys.argv[1:] if arguments is None else arguments)


def _run(given: list[str]) -> None:
    name, options = (given[0], [*map(_at_home, given[1:])]) if given else ("--help", [])
    if name in {"--help", "-h", "help"}:
        print(_overview())
        return
    if name not in stages() and name not in HELPERS:
        print(f"error: unknown stage {name!r}\n{_overview()}", file=sys.stderr)
        sys.exit(2)
    # Figures need no window system, and matplotlib stops at a user's choice that it does not know.
    os.environ["MPLBACKEND"] = "agg"
    # A cancelled job unwinds like a failed one, so that its half-written files are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Ctrl-C reaches every job: whoever pressed it needs no traceback of each.
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    application = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    # Only the stage that runs is imported: torch alone costs more than a small stage.
    application.command()(_outspoken(_function(name)))
    jobnotes.begin_work()
    try:
        lock = runlock.join()
        try:
            application(args=options, prog_name=f"advlearn {name}")
        except SystemExit as ended:
            if not ended.code and lock:
                runlock.record_activity(lock)
                run_checksums.write_checksums()
                jobnotes.write_note(lock, name, options)
            raise
    except (UserError, _Refused) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except BudgetViolation as error:
        print(f"error: a perturbation left its budget: {error}", file=sys.stderr)
        sys.exit(3)


class _Refused(Exception):
    """The UserError of an option's parser on its way past typer, which words ValueErrors anew."""


def _outspoken(stage: Callable[..., None]) -> Callable[..., None]:
    """``stage`` with options whose parsers' UserErrors reach the user as they are."""

    def outspoken(parse: Callable[[str], Any]) -> Callable[[str], Any]:
        @wraps(parse)
        def parsed(text: str) -> Any:
            try:
                return parse(text)
            except UserError as error:
                raise _Refused(str(error)) from error

        return parsed

    hints = get_type_hints(stage, include_extras=True)
    for hint in hints.values():
        for option in getattr(hint, "__metadata__", ()):
            if getattr(option, "parser", None) is not None:
                option.parser = outspoken(option.parser)
    stage.__annotations__ = hints
    return stage


def stages() -> dict[str, str]:
    """Every stage with what it does: those that all studies share, and those of each study."""
    own = {name: stage.about for study in studies() for name, stage in study.stages.items()}
    return {**SHARED, **own}


def _function(name: str) -> Callable[..., None]:
    """The function behind a command, imported.

    What is imported stays until the process ends. To look through it for garbage, time and again
    while it is loaded and once more at the end, takes a third of a small job.
    """
    gc.disable()
    try:
        for study in studies():
            if name in study.stages:
                found: Callable[..., None] = study.load(study.stages[name].run)
                return found
        shared: Callable[..., None] = getattr(import_module(f"advlearn.stages.{name}"), name)
        return shared
    finally:
        gc.freeze()
        gc.enable()


def _at_home(argument: str) -> str:
    """An argument with its home folder, which shells do not fill in behind ``--out=``."""
    option, equals, path = argument.partition("=") if argument[:2] == "--" else ("", "", argument)
    if not path.startswith("~"):
        return argument
    try:
        return f"{option}{equals}{Path(path).expanduser()}"
    except RuntimeError:
        return argument  # nobody has that name, so that it is one of a file


def _overview() -> str:
    lines = [USAGE]
    own = {
        study.title: {name: stage.about for name, stage in study.stages.items()}
        for study in studies()
    }
    for title, commands in ({"Stages": SHARED} | own | {"Helpers": HELPERS}).items():
        lines += ["", f"{title}:"] + [f"  {name:16} {text}" for name, text in commands.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
