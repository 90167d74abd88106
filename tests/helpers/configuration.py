"""Configurations laid over one another, as Snakemake does it."""

from __future__ import annotations

from typing import Any


def merged(base: Any, change: Any) -> Any:
    """As Snakemake merges configuration files: mappings key by key, all else replaced."""
    if isinstance(base, dict) and isinstance(change, dict):
        return {**base, **{key: merged(base.get(key), value) for key, value in change.items()}}
    return change
