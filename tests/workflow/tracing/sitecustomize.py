"""Write down at the end of a process what it has loaded; Python imports this module at its start.

TRACED: folder in which the job of a rule names the modules of the package that it has loaded.
COUNTED: file in which Snakemake writes all its modules, and how often it has opened each source.
"""

import atexit
import json
import os
import sys
from collections import Counter
from pathlib import Path


def _note() -> None:
    stage = sys.argv[1] if len(sys.argv) > 1 else ""
    loaded = sorted(name for name in sys.modules if name.split(".")[0] == "advlearn")
    if "advlearn.cli" in loaded and stage.isidentifier():
        # Tables and figures are stages of which each study has a rule.
        part = stage in {"tables", "figures"}
        rule = f"{sys.argv[sys.argv.index('--study') + 1]}_{stage}" if part else stage
        text = "\n".join([rule, *loaded])
        Path(os.environ["TRACED"], f"{os.getpid()}-{rule}").write_text(text, encoding="utf-8")


def _count() -> None:
    opened: Counter[str] = Counter()

    def notice(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and str(arguments[0]).endswith(".py"):
            opened[str(arguments[0])] += 1

    def write() -> None:
        text = json.dumps({"loaded": sorted(sys.modules), "opened": dict(opened)})
        Path(os.environ["COUNTED"]).write_text(text, encoding="utf-8")

    sys.addaudithook(notice)
    atexit.register(write)


if "TRACED" in os.environ:
    atexit.register(_note)
if "COUNTED" in os.environ and Path(sys.argv[0]).name == "snakemake":
    _count()
