"""The jobs of the smoke run, and which rules read whose results."""

from __future__ import annotations

from advlearn import plan
from advlearn.studies import NAMES

CONFIG, SMOKE = "config/config.yaml", "config/smoke.yaml"
ON_REQUEST = {"plausible"}
"""Rules whose files no target asks for."""
ALONE = {f"{name}_report" for name in NAMES}
"""Rules of a study that is run alone."""
# Jobs of the smoke run.
EVERYTHING = {
    "download": 1, "prepare": 1, "calibrate": 2, "finalists": 1, "confirm": 2,
    "pretrain": 2, "craft": 4, "embed": 6,
    "cluster": 14, "select": 6, "retrain": 6, "evaluate": 6, "strengthen": 4, "collect": 1,
    "selective_tables": 1, "selective_figures": 1,
    "topk_data": 1, "topk_pretrain": 1, "topk_search": 1, "topk_attack": 4,
    "topk_transfer": 1, "topk_collect": 1, "topk_tables": 1, "topk_figures": 1, "bilevel_data": 1,
    "bilevel_path": 1, "bilevel_certify": 1, "bilevel_attack": 1, "bilevel_blackbox": 1,
    "bilevel_poison": 1, "bilevel_onepoint": 1, "bilevel_delta": 1, "bilevel_collect": 1,
    "bilevel_tables": 1, "bilevel_figures": 1, "record": 1, "report": 1,
}  # fmt: skip
PARTS = {rule for rule, stage in plan.rules().items() if stage in ("tables", "figures")}
# The rules whose results each rule reads.
READS = {
    "prepare": {"download"},
    "pretrain": {"prepare"},
    "calibrate": {"prepare"},
    "finalists": {"calibrate"},
    "confirm": {"prepare", "finalists"},
    "craft": {"prepare", "pretrain"},
    "embed": {"craft"},
    "cluster": {"embed"},
    "select": {"craft", "cluster"},
    "retrain": {"prepare", "pretrain", "craft", "select"},
    "evaluate": {"prepare", "pretrain", "craft", "select", "retrain"},
    "strengthen": {"prepare", "pretrain", "select", "retrain", "evaluate"},
    "collect": {"calibrate", "confirm", "evaluate", "strengthen"},
    "topk_data": {"prepare"},
    "topk_pretrain": {"topk_data"},
    "topk_search": {"topk_data", "topk_pretrain"},
    "topk_attack": {"topk_data", "topk_pretrain", "topk_search"},
    "topk_transfer": {"topk_data", "topk_pretrain", "topk_attack"},
    "topk_collect": {"topk_data", "topk_pretrain", "topk_search", "topk_attack", "topk_transfer"},
    "bilevel_path": {"bilevel_data"},
    "bilevel_certify": {"bilevel_data", "bilevel_path"},
    "bilevel_attack": {"bilevel_data", "bilevel_path"},
    "bilevel_blackbox": {"bilevel_data", "bilevel_path"},
    "bilevel_poison": {"bilevel_data"},
    "bilevel_collect": {
        "bilevel_data", "bilevel_path", "bilevel_certify", "bilevel_attack", "bilevel_blackbox",
        "bilevel_poison", "bilevel_onepoint", "bilevel_delta",
    },
    "selective_tables": {"collect"},
    "selective_figures": {"collect"},
    "topk_tables": {"topk_collect"},
    "topk_figures": {"topk_collect"},
    "bilevel_tables": {"bilevel_collect"},
    "bilevel_figures": {"bilevel_collect"},
    "record": {"collect", "topk_collect", "bilevel_collect"},
    "report": {"record", *PARTS},
}  # fmt: skip
SEARCH = {"calibrate": 2, "finalists": 1, "confirm": 2}
REPORT = {"record": 1, "report": 1}
PAPER = {"collect": 1, "selective_tables": 1, "selective_figures": 1, **REPORT}
TOPK_PAPER = {"topk_collect": 1, "topk_tables": 1, "topk_figures": 1, **REPORT}
BILEVEL_PAPER = {"bilevel_collect": 1, "bilevel_tables": 1, "bilevel_figures": 1, **REPORT}


def after(*stages: str) -> dict[str, int]:
    """Everything but ``stages``."""
    return {stage: count for stage, count in EVERYTHING.items() if stage not in stages}


def selective(*but: str) -> dict[str, int]:
    """All of study 1 but ``but``."""
    others = ("topk", "bilevel")
    return {stage: n for stage, n in after(*but).items() if not stage.startswith(others)}


def images(*but: str) -> dict[str, int]:
    """All that comes of the run's images, studies 1 and 2, but ``but``."""
    return {stage: n for stage, n in after(*but).items() if not stage.startswith("bilevel")}


def bilevel(*but: str) -> dict[str, int]:
    """All of study 3 but ``but``, with what gathers the studies."""
    own = {stage: n for stage, n in after(*but).items() if stage.startswith("bilevel")}
    return {**own, **REPORT}


def topk(*but: str) -> dict[str, int]:
    """All of study 2 but ``but``, with what gathers both studies."""
    own = {stage: n for stage, n in after(*but).items() if stage.startswith("topk")}
    return {**own, **REPORT}


def line(n: int, strong: int, **jobs: int) -> dict[str, int]:
    """``n`` lines of the grid from select on, ``strong`` attacked, with what comes before them."""
    after_select = {"select": n, "retrain": n, "evaluate": n, "strengthen": strong}
    return {**jobs, **{stage: count for stage, count in after_select.items() if count}, **PAPER}


def followers(rules: set[str]) -> set[str]:
    """The rules with all that read their results, directly or not."""
    found = set(rules)
    while more := {rule for rule, read in READS.items() if read & found} - found:
        found |= more
    return found
