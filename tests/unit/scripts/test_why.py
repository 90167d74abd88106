"""`make why` in words."""

from __future__ import annotations

from scripts.why import in_words, jobs

DRY_RUN = """\
[Thu Jan  1 00:00:00 1970]
rule craft:
    input: a
    output: b
    reason: Missing output files: b; Code has changed since last execution
rule craft:
    reason: Missing output files: c; Code has changed since last execution
checkpoint select:
    output: d
    reason: Params have changed since last execution: before: 1, after: 2
localrule paper:
    reason: Rules with neither input nor output files are always executed.
[Thu Jan  1 00:00:00 1970]
Job 17: Craft fgsm images in small, seed 1
Reason: Params have changed since last execution: before: '{"epsilon":0.1}' now: '{"epsilon":0.2}'
Shell command: ADVLEARN_GPU_SHARE=625 python -m advlearn craft --data a --out b 2>&1 | tee c

Job 18: Make the tables of study selective
Reason: Params have changed since last execution: before: '0123456789abcdef' now: 'fedcba9876543210'
Shell command: python -m advlearn tables --study selective --out b
"""


def test_jobs_are_counted_by_rule_and_reason() -> None:
    assert jobs(DRY_RUN) == {
        ("craft", "its result does not exist yet; the rule itself has changed"): 2,
        ("select", "a setting, a seed, the code of the stage or the lock has changed"): 1,
        ("paper", "it runs every time"): 1,
        ("craft", "a setting has changed"): 1,
        ("selective_tables", "the code of the stage or the lock has changed"): 1,
    }


def test_an_unknown_reason_is_shown_as_it_is() -> None:
    assert in_words("The moon is full") == "The moon is full"


def test_nothing_to_do_gives_no_jobs() -> None:
    assert not jobs("Building DAG of jobs...\nNothing to be done (all files are present).\n")
