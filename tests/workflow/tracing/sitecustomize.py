"""Write down at the end of a stage which modules of the package it has loaded.

Python imports this module at its start where its folder is on the path.
"""

import atexit
import os
import sys
from pathlib import Path


def _note() -> None:
    stage = sys.argv[1] if len(sys.argv) > 1 else ""
    loaded = sorted(name for name in sys.modules if name.split(".")[0] == "advlearn")
    if "advlearn.cli" in loaded and f"advlearn.stages.{stage}" in loaded:
        text = "\n".join([stage, *loaded])
        Path(os.environ["TRACED"], f"{os.getpid()}-{stage}").write_text(text, encoding="utf-8")


if "TRACED" in os.environ:
    atexit.register(_note)
