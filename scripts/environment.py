"""Write environment.yml, the conda door, from the lock requirements.txt.

    python scripts/environment.py           write it
    python scripts/environment.py --check   exit with 1 when it no longer fits the lock

Both doors install the same pins: conda gives Python and pip, pip gives the rest. The pins are
listed one by one, because a relative `-r requirements.txt` breaks when Snakemake copies the file
for `--sdm conda`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.txt"
ENVIRONMENT = ROOT / "environment.yml"
PYTHON = ROOT / ".python-version"

TEMPLATE = """\
# The conda door to the same packages as `make env`. Written by scripts/environment.py from
# requirements.txt and .python-version; edit requirements.in, not this file.
#
#     conda env create -f environment.yml && conda activate advlearn && pip install --no-deps -e .
name: advlearn
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python={python}
  - pip
  - pip:
{pins}"""


def environment_text(lock: str, python: str) -> str:
    """environment.yml for the text of the lock and a Python version such as ``3.11``."""
    pins = [line.split("#", 1)[0].strip() for line in lock.splitlines()]
    return TEMPLATE.format(
        python=python.strip(), pins="".join(f"      - {pin}\n" for pin in pins if pin)
    )


def main() -> int:
    """Command line."""
    summary = (__doc__ or "").split("\n", 1)[0]
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args()
    text = environment_text(LOCK.read_text(encoding="utf-8"), PYTHON.read_text(encoding="utf-8"))
    if not options.check:
        ENVIRONMENT.write_text(text, encoding="utf-8")
        return 0
    if ENVIRONMENT.is_file() and ENVIRONMENT.read_text(encoding="utf-8") == text:
        return 0
    print(
        f"{ENVIRONMENT.name} does not fit {LOCK.name}: run 'python scripts/environment.py'",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
