"""Where the files of a run are: path patterns from the rules, where a path has its one home."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from advlearn.support.errors import UserError


class Manifest:
    """Path patterns by the kind of file.

    Args:
        patterns: kind -> path with ``{wildcard}`` where the jobs of a rule differ.
    """

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self._patterns = dict(patterns)

    @classmethod
    def parse(cls, text: str) -> Manifest:
        """Read the patterns from the JSON text that a rule passes on the command line.

        Raises:
            UserError: the text is no JSON object of texts.
        """
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            raise _no_manifest(str(error)) from error
        if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
            raise _no_manifest("it is no mapping from kinds to paths")
        return cls(found)

    def path(self, kind: str, **wildcards: object) -> Path:
        """The file of a kind for these wildcards.

        Raises:
            UserError: there is no such kind, or a wildcard of its pattern is missing.
        """
        try:
            return Path(self._patterns[kind].format(**wildcards))
        except KeyError as error:
            raise _no_manifest(f"{error} is missing for files of the kind {kind!r}") from error


def _no_manifest(why: str) -> UserError:
    return UserError(
        f"the list of files cannot be used: {why}",
        where="option --files",
        remedy='give JSON such as {"evaluation": "results/run/evaluation/{universe}.csv"}',
    )
