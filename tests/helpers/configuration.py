"""Configurations laid over one another, as Snakemake does it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

from advlearn.plan import Plan


def merged(base: Any, change: Any) -> Any:
    """As Snakemake merges configuration files: mappings key by key, all else replaced."""
    if isinstance(base, dict) and isinstance(change, dict):
        return {**base, **{key: merged(base.get(key), value) for key, value in change.items()}}
    return change


ROOT = Path(__file__).resolve().parents[2]


def smoke_plan(**changes: Any) -> Plan:
    """The plan of the smoke run with two classifiers in study 2, and with these changes."""
    values: dict[str, Any] = {}
    for file in ("config.yaml", "smoke.yaml"):
        values = merged(values, yaml.safe_load((ROOT / "config" / file).read_text()))
    values = merged(values, {"topk": {"models": {"cnn": {"network": {"name": "cnn"}}}}})
    return Plan(merged(values, changes), [], ROOT / "requirements.txt")


def wildcards(**values: str) -> Any:
    """Wildcards of a job."""
    return SimpleNamespace(**values)
