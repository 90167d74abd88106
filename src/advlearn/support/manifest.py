"""Where the files of a run are, as the rules that make them say: a path is written once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from advlearn.support.errors import UserError


class Manifest:
    """Patterns of paths by the kind of the file, ``{"data": "results/demo/data/{dataset}.npz"}``.

    Args:
        patterns: kind -> path with wildcards in braces, as an output of a rule names it.
    """

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self.patterns = dict(patterns)

    @classmethod
    def parse(cls, text: str) -> Self:
        """A manifest from its JSON, for the command line.

        Raises:
            UserError: the text is no JSON object of texts.
        """
        try:
            patterns = json.loads(text)
        except json.JSONDecodeError:
            patterns = None
        if not isinstance(patterns, dict) or not all(isinstance(p, str) for p in patterns.values()):
            raise UserError(
                "the manifest is no JSON object of path patterns",
                where=f"option --files: {text}",
                remedy='give {"KIND": "path/with/{wildcards}", ...}, as the rule does',
            )
        return cls(patterns)

    def path(self, kind: str, **wildcards: object) -> Path:
        """The file of a kind.

        Args:
            kind: a kind of the manifest.
            **wildcards: values of the wildcards in its pattern; others are ignored.

        Raises:
            UserError: the manifest has no such kind, or its pattern has a wildcard without a value.
        """
        if kind not in self.patterns:
            raise UserError(
                f"the manifest has no files of the kind {kind!r}",
                where=f"option --files (has: {', '.join(self.patterns) or 'nothing'})",
                remedy="add the pattern of their paths, as the rule does",
            )
        try:
            return Path(self.patterns[kind].format_map(wildcards))
        except KeyError as error:
            raise UserError(
                f"the files of the kind {kind!r} have a wildcard without a value: {error.args[0]}",
                where=f"option --files: {self.patterns[kind]}",
                remedy="use the pattern of a rule of this version",
            ) from error
