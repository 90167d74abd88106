"""The recipe of a container: pinned, small, without root, and of files that there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def instructions(text: str) -> list[tuple[str, str]]:
    """(instruction, arguments) of a Containerfile, continued lines joined."""
    lines = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    parts = [line.split(None, 1) for line in lines if line.strip()]
    return [(name.upper(), " ".join(rest[0].split())) for name, *rest in parts]


def faults(text: str) -> list[str]:
    """What is wrong with a Containerfile."""
    steps = instructions(text)
    found = []
    version = (ROOT / ".python-version").read_text(encoding="utf-8").strip()
    users = [value for name, value in steps if name == "USER"]
    if (
        not steps
        or steps[0][0] != "FROM"
        or not re.search(rf"(^|/)python:{re.escape(version)}-[\w.-]+$", steps[0][1])
    ):
        found.append(f"the base is no image of Python {version} with a fixed tag")
    if not users or users[-1] in ("root", "0"):
        found.append("it runs as root")
    if steps[-1][0] not in ("CMD", "ENTRYPOINT"):
        found.append("it has no command")
    for name, value in steps:
        if name not in {"FROM", "RUN", "USER", "WORKDIR", "COPY", "CMD", "ENV"}:
            found.append(f"{name} is not expected")
        if name == "COPY":
            paths = [word for word in shlex.split(value) if not word.startswith("--")]
            found += [f"{path} is not there" for path in paths[:-1] if not (ROOT / path).exists()]
        tidy = "--no-install-recommends" in value and "rm -rf /var/lib/apt/lists" in value
        if name == "RUN" and "apt-get install" in value and not tidy:
            found.append("apt-get leaves what is not needed")
        if name == "RUN" and re.search(r"\|\s*(ba)?sh\b|\bsudo\b", value):
            found.append("a script is piped into a shell, or sudo is used")
    return found


def test_the_recipe_keeps_the_rules() -> None:
    assert faults((ROOT / "Containerfile").read_text(encoding="utf-8")) == []


def test_packages_come_before_the_sources() -> None:
    steps = instructions((ROOT / "Containerfile").read_text(encoding="utf-8"))
    copies = [value.split()[-2] for name, value in steps if name == "COPY"]
    assert copies == ["requirements.txt", "."]


def test_what_is_made_on_the_spot_stays_outside() -> None:
    ignored = (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
    assert {".git", ".venv", ".snakemake", "results/*", "!results/reference"} <= set(ignored)


def test_faults_are_found() -> None:
    text = (
        "FROM python:latest\nADD https://x /x\nCOPY nowhere.txt ./\n"
        "RUN apt-get install make\nRUN curl x | sh\nUSER root\n"
    )
    assert len(faults(text)) == 7
