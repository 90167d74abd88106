"""Write the lock requirements.txt: resolve requirements.in in a fresh environment, freeze it.

Run it with the oldest Python the project supports:

    python3.11 scripts/lock.py                      keep the pins there are, add what is new
    python3.11 scripts/lock.py --upgrade            newest versions of everything
    python3.11 scripts/lock.py --upgrade numpy      a newer version of one package

Only the standard library is needed. Afterwards run `python scripts/environment.py`, which brings
environment.yml up to date.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEEDS = ROOT / "requirements.in"
LOCK = ROOT / "requirements.txt"
PROJECT = "advlearn"

HEADER = """\
# The lock: every package of an environment that runs and tests advlearn, with its exact version.
# Written by scripts/lock.py from requirements.in; edit that file, not this one.
#
# No hashes and no local versions: `torch==2.13.0` is the CUDA build on an ordinary Linux machine
# and the CPU build where pip is pointed at CPU wheels. The CUDA build brings its own nvidia-*,
# cuda-* and triton packages, whose versions torch itself fixes; they are not listed here.
"""

# Tools of the environment itself; setuptools is no such tool, torch needs it at run time.
INSTALLERS = {"pip", "wheel"}

# Comes and goes with the build of torch, which pins these itself.
ACCELERATOR = re.compile(r"^(nvidia|cuda|triton)(-|$)")


def canonical(name: str) -> str:
    """The name in the spelling in which two names are the same package (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pins(text: str) -> dict[str, str]:
    """``name==version`` lines as {canonical name: version}; comments and blank lines are skipped.

    Raises:
        ValueError: a line is no exact pin, or a package is pinned twice.
    """
    pins: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.split("#", 1)[0].strip()
        if not line:
            continue
        match = re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.!+_-]+)", line)
        if match is None:
            raise ValueError(f"line {number} is no exact pin 'name==version': {raw!r}")
        name = canonical(match[1])
        if name in pins:
            raise ValueError(f"line {number} pins {name} a second time")
        pins[name] = match[2]
    return pins


def lock_text(frozen: Iterable[str]) -> str:
    """The lock for the lines of ``pip freeze --all``.

    Sorted; without local versions, installers, the project and accelerator packages.
    """
    lines: dict[str, str] = {}
    for line in frozen:
        if not line.strip():
            continue
        if "==" not in line:
            raise ValueError(f"{line!r} was not installed from an index and cannot be locked")
        name, version = line.strip().split("==", 1)
        key = canonical(name)
        if key != PROJECT and key not in INSTALLERS and not ACCELERATOR.match(key):
            lines[key] = f"{name}=={version.split('+', 1)[0]}"
    return HEADER + "".join(lines[key] + "\n" for key in sorted(lines))


def constraints(upgrade: list[str] | None) -> str:
    """The pins to keep: all of them, or none (``--upgrade``), or all but those named."""
    if upgrade == [] or not LOCK.is_file():
        return ""
    freed = {canonical(name) for name in upgrade or []}
    pins = read_pins(LOCK.read_text(encoding="utf-8"))
    unknown = freed - pins.keys()
    if unknown:
        raise SystemExit(f"--upgrade: not in the lock: {', '.join(sorted(unknown))}")
    return "".join(f"{name}=={pin}\n" for name, pin in pins.items() if name not in freed)


def resolve(keep: str) -> list[str]:
    """Install requirements.in into a fresh environment; what ``pip freeze --all`` then says."""
    with tempfile.TemporaryDirectory(prefix="advlearn-lock-") as folder:
        home = Path(folder) / "venv"
        limits = Path(folder) / "constraints.txt"
        limits.write_text(keep, encoding="utf-8")
        venv.create(home, with_pip=True)
        pip = [str(home / "bin" / "python"), "-m", "pip"]
        subprocess.run([*pip, "install", "-r", str(NEEDS), "-c", str(limits)], check=True)
        subprocess.run([*pip, "check"], check=True)
        freeze = [*pip, "freeze", "--all"]
        frozen = subprocess.run(
            freeze, check=True, capture_output=True, encoding="utf-8", errors="replace"
        )
    return frozen.stdout.splitlines()


def main() -> int:
    """Command line."""
    summary = (__doc__ or "").split("\n", 1)[0]
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("--upgrade", nargs="*", metavar="NAME", help="take newer versions")
    options = parser.parse_args()
    try:
        frozen = resolve(constraints(options.upgrade))
    except subprocess.CalledProcessError as error:
        print(f"{LOCK.name} was left as it is: {error}", file=sys.stderr)
        return 1
    text = lock_text(frozen)
    LOCK.write_text(text, encoding="utf-8")
    print(f"{LOCK.name}: {len(read_pins(text))} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
