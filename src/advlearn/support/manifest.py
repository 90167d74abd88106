"""Where the files of a run are, as a rule tells a stage that reads many of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from advlearn.support.errors import UserError


class Manifest:
    """Patterns of paths by kind of file, written once: in the outputs of the rules.

    Args:
        patterns: kind -> path with a wildcard in braces for each part that varies, as in
            ``results/run/topk/transfer/seed{seed}.csv``.
    """

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self._patterns = dict(patterns)

    @classmethod
    def parse(cls, text: str) -> Manifest:
        """Read the JSON text that a rule passes on the command line.

        Raises:
            UserError: it is no JSON object of texts.
        """
        try:
            patterns = json.loads(text)
        except json.JSONDecodeError:
            patterns = None
        if not isinstance(patterns, dict) or not all(
            isinstance(pattern, str) for pattern in patterns.values()
        ):
            raise UserError(
                "the manifest is no JSON object of path patterns by kind of file",
                where=f"option --files: {text}",
                remedy='give one like {"cells": "results/run/cells/seed{seed}.csv"}',
            )
        return cls(patterns)

    def path(self, kind: str, **wildcards: object) -> Path:
        """The file of a kind.

        Args:
            kind: what the file holds.
            **wildcards: values of the pattern's wildcards; others are not looked at.

        Raises:
            UserError: the manifest has no such kind, or its pattern has another wildcard.
        """
        try:
            return Path(self._patterns[kind].format(**wildcards))
        except (KeyError, IndexError, ValueError) as error:
            raise UserError(
                f"the manifest names no file of the kind {kind!r} by"
                f" {', '.join(wildcards) or 'no wildcards'}",
                where=f"option --files: {json.dumps(self._patterns)}",
                remedy="give a path pattern for it, with each wildcard in braces",
            ) from error
