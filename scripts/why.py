"""Say in words what Snakemake would run and why, without running anything.

    python scripts/why.py demo --configfile config/demo.yaml

Arguments are those of Snakemake. Jobs of one rule with the same reason are counted together.
Only the standard library is imported; Snakemake is the one beside the running Python.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

# Snakemake's terms, in the order in which they are tried, and what they mean for the reader.
REASONS = (
    ("Missing output files", "its result does not exist yet"),
    ("Updated input files", "an input is newer than the result"),
    ("Input files updated by another job", "an earlier step of this list will change its input"),
    ("Params have changed", "a setting, a seed, the code of the stage or the lock has changed"),
    ("Code has changed", "the rule itself has changed"),
    ("Set of input files has changed", "it now has other inputs"),
    ("Software environment definition has changed", "environment.yml has changed"),
    ("incomplete output files", "an earlier run was interrupted"),
    ("Forced execution", "it was asked for by force"),
    ("Rules with neither input nor output files are always executed", "it runs every time"),
)


def in_words(reason: str) -> str:
    """The meaning of Snakemake's reason; a reason with several terms gives all of them."""
    lowered = reason.lower()
    found = [meaning for term, meaning in REASONS if term.lower() in lowered]
    return "; ".join(found) or reason


def jobs(output: str) -> Counter[tuple[str, str]]:
    """Count (rule, reason in words) over the job blocks of a dry run's output."""
    counted: Counter[tuple[str, str]] = Counter()
    rule = ""
    for line in output.splitlines():
        head = re.match(r"(?:local)?(?:rule|checkpoint) (\w+):", line)
        if head:
            rule = head[1]
        reason = re.match(r"\s+reason: (.*)", line)
        if reason and rule:
            counted[rule, in_words(reason[1])] += 1
            rule = ""
    return counted


def main(arguments: list[str]) -> int:
    """Command line; returns Snakemake's exit status."""
    snakemake = Path(sys.executable).with_name("snakemake")
    command = [str(snakemake), "--dry-run", "--nocolor", "--cores", "1", *arguments]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
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
    sys.exit(main(sys.argv[1:]))
