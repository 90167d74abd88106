"""Say in words what Snakemake would run and why, without running anything.

    python scripts/why.py demo --configfile config/demo.yaml

Arguments are those of Snakemake. Jobs of one rule with the same reason are counted together.
No package but a module of ours is imported; Snakemake is the one beside the running Python.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from advlearn.support.terminal import terminal

# Snakemake's terms, in the order in which they are tried, and what they mean for the reader.
PARAMS = "Params have changed"
REASONS = (
    ("Missing output files", "its result does not exist yet"),
    ("Updated input files", "an input is newer than the result"),
    ("Input files updated by another job", "an earlier step of this list will change its input"),
    (PARAMS, "a setting, a seed, the code of the stage or the lock has changed"),
    ("Code has changed", "the rule itself has changed"),
    ("Set of input files has changed", "it now has other inputs"),
    ("Software environment definition has changed", "environment.yml has changed"),
    ("incomplete output files", "an earlier run was interrupted"),
    ("Forced execution", "it was asked for by force"),
    ("Rules with neither input nor output files are always executed", "it runs every time"),
)

_COMMAND = re.compile(r"\s*Shell command: (?:\w+=\S* )?python -m advlearn (\w+)(.*)")
_DIGEST = re.compile("[0-9a-f]{16}")


def in_words(reason: str) -> str:
    """The meaning of Snakemake's reason; a reason with several terms gives all of them."""
    lowered = reason.lower()
    found = [
        _changed(reason) or meaning if term == PARAMS else meaning
        for term, meaning in REASONS
        if term.lower() in lowered
    ]
    return "; ".join(found) or reason


def _changed(reason: str) -> str:
    """What kind of parameter has changed, by the look of the values before and now."""
    values = re.findall(r"'(.*?)'(?=,| now:|$| )", reason.partition("before: ")[2])
    kinds = {
        "the code of the stage or the lock": any(_DIGEST.fullmatch(one) for one in values),
        "a setting": any(one.startswith("{") for one in values),
    }
    found = [kind for kind, seen in kinds.items() if seen]
    return f"{' and '.join(found)} {'have' if len(found) > 1 else 'has'} changed" if found else ""


def jobs(output: str) -> Counter[tuple[str, str]]:
    """Count (rule, reason in words) over the job blocks of a dry run that shows its commands.

    A job with a message of its own is shown without the name of its rule, which is that of the
    stage in its command.
    """
    counted: Counter[tuple[str, str]] = Counter()
    rule = reason = ""
    for line in output.splitlines():
        if head := re.match(r"(?:local)?(?:rule|checkpoint) (\w+):|Job \d+: ", line):
            rule, reason = head[1] or "", ""
        elif said := re.match(r"\s*reason: (.*)", line, re.IGNORECASE):
            reason = in_words(said[1])
        elif command := re.match(
            r"\s*Shell command: (?:\w+=\S* )?python -m advlearn (\w+)(.*)", line
        ):
            study = re.search(r" --study (\w+)", command[2])
            rule = f"{study[1]}_{command[1]}" if study else command[1]
        if rule and reason:
            counted[rule, reason] += 1
            rule = reason = ""
    return counted


def main(arguments: list[str]) -> int:
    """Command line; returns Snakemake's exit status."""
    snakemake = Path(sys.executable).with_name("snakemake")
    command = [str(snakemake), "--dry-run", "--printshellcmds", "--nocolor", "--cores", "1"]
    command += arguments
    run = subprocess.run(
        command, check=False, capture_output=True, encoding="utf-8", errors="replace"
    )
    output = run.stdout + run.stderr
    if run.returncode != 0:
        sys.stderr.write(output)
        return run.returncode
    counted = jobs(output)
    if not counted:
        print("Nothing would run: every result is there and up to date.")
    for (rule, reason), count in counted.items():
        print(f"{rule:<17} {count:>5} job{'s' if count > 1 else ' '}  {reason}")
    if "DAG of jobs will be updated after completion" in output:
        print("More jobs follow once their number is known (they depend on results of the above).")
    return 0


if __name__ == "__main__":
    with terminal():
        sys.exit(main(sys.argv[1:]))
