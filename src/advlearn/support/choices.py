"""What a paper leaves open, with the values that a run used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd


def choices_table(questions: pd.DataFrame, scopes: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """One row a question and scope, with the value that this run used.

    Args:
        questions: columns key, question, paper, source; the first part of a key is not looked up.
        scopes: settings by the name that stands in the column ``universe``.
    """
    return pd.DataFrame(
        [
            {
                "key": question["key"],
                "question": question["question"],
                "paper": question["paper"],
                "value": _value(values, str(question["key"]).partition(".")[2]),
                "source": question["source"],
                "universe": name,
            }
            for question in questions.to_dict(orient="records")
            for name, values in scopes.items()
        ]
    )


def _value(values: Mapping[str, Any], path: str) -> str:
    found: Any = values
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return "not a setting"
        found = found[part]
    if isinstance(found, Mapping):
        return ", ".join(f"{key}={_short(value)}" for key, value in found.items())
    return _short(found)


def _short(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return " ".join(_short(item) for item in value)
    return str(value)
