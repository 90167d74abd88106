"""Half-written files of jobs that were killed: without a use, and never taken for results."""

from __future__ import annotations

import os
import re
from pathlib import Path

MARK = ".part"
"""What the name of a file that is being written has before its suffix."""

_NAME = re.compile(rf"\..+\.\w{{8}}{re.escape(MARK)}(\.\w+)?")


def remove_leftovers(folder: Path) -> None:
    """Remove half-written files below ``folder``; nobody may be writing there."""
    for where, _, names in os.walk(folder):
        for name in names:
            if _NAME.fullmatch(name):
                Path(where, name).unlink(missing_ok=True)
