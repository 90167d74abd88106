"""Command line: one subcommand a stage, imported only when it is called."""

from __future__ import annotations

import signal
import sys
from importlib import import_module

import typer

from advlearn.support import runlock, sums
from advlearn.support.errors import BudgetViolation, UserError

STAGES = {
    "download": "obtain a data set and check its files",
    "prepare": "turn raw files into arrays and write the splits down",
    "pretrain": "train a classifier on clean images",
    "calibrate": "measure the paper's baselines under each combination of its open choices",
    "craft": "make adversarial versions of every split",
    "embed": "reduce adversarial images to a few dimensions",
    "cluster": "cluster embedded images, all settings of one algorithm at once",
    "select": "choose the images of each cell",
    "retrain": "retrain once for every distinct set of selected images",
    "evaluate": "measure clean and adversarial accuracy of every cell",
    "topk_data": "make the multi-label data set of study 2",
    "topk_pretrain": "train a multi-label classifier",
    "topk_attack": "push labels out of the top k of a multi-label classifier",
    "topk_transfer": "show every multi-label classifier the images made for the others",
    "topk_collect": "gather the tidy tables of study 2",
    "bilevel_data": "make a point set of study 3",
    "bilevel_path": "follow the clusterpath of a point set",
    "bilevel_certify": "certify a clustering: intervals, radii, calmness, defence",
    "bilevel_attack": "attack a convex clustering",
    "bilevel_blackbox": "attack clusterings by their labels alone, and transfer between them",
    "bilevel_onepoint": "move one digit and count those that change their cluster",
    "bilevel_delta": "check and compare the delta-measure",
    "bilevel_collect": "gather the tidy tables of study 3",
    "collect": "gather the tidy tables that the paper's tables and figures read",
    "record": "write down what the run was made with",
    "tables": "make the paper's tables",
    "figures": "make the paper's figures",
    "report": "make one self-contained page of everything",
}
HELPERS = {
    "summary": "print where a run's results are and its headline table",
    "explain": "print what a figure, a table or one of its numbers was made of",
}


USAGE = "usage: python -m advlearn STAGE [OPTIONS]   (STAGE --help lists the options)"


def main(arguments: list[str] | None = None) -> None:
    """Run one stage; what the user can mend is printed without a traceback and gives status 2."""
    given = sys.argv[1:] if arguments is None else arguments
    name, options = (given[0], given[1:]) if given else ("--help", [])
    if name in {"--help", "-h", "help"}:
        print(_overview())
        return
    if name not in STAGES | HELPERS:
        print(f"error: unknown stage {name!r}\n{_overview()}", file=sys.stderr)
        sys.exit(2)
    # A cancelled job unwinds like a failed one, so that its half-written files are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    application = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    # Only the stage that runs is imported: torch alone costs more than a small stage.
    application.command()(getattr(import_module(f"advlearn.stages.{name}"), name))
    try:
        lock = runlock.join()
        try:
            application(args=options, prog_name=f"advlearn {name}")
        except SystemExit as ended:
            if not ended.code and lock:
                runlock.tick(lock)
                sums.seal()
            raise
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except BudgetViolation as error:
        print(f"error: a perturbation left its budget: {error}", file=sys.stderr)
        sys.exit(3)


def _overview() -> str:
    lines = [USAGE]
    for title, commands in (("stages", STAGES), ("helpers", HELPERS)):
        lines += ["", f"{title}:"] + [f"  {name:16} {text}" for name, text in commands.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
