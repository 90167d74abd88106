"""Settings of the stage ``select``: which rules choose clusters, and where they are run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from advlearn.settings.base import Settings

ClusterRule = Literal["random", "largest", "smallest", "highest_loss", "lowest_margin", "every"]

_Count = Annotated[int, Field(ge=1, le=10_000)]


class SelectSettings(Settings):
    """Rules that choose clusters.

    The rule ``random`` (the paper's) is run on every setting of every clusterer. Each other rule
    costs a retraining a setting and is run only where the keys below say so.
    """

    rules: list[ClusterRule] = Field(
        ["random", "largest", "smallest", "highest_loss", "lowest_margin", "every"],
        min_length=1,
        description="rules that choose clusters; random is the paper's",
    )
    rule_n_clusters: list[_Count] = Field(
        [2, 4, 8],
        min_length=1,
        description="settings n_clusters=K on which largest ... lowest_margin are run",
    )
    rule_found: bool = Field(
        False,
        description="run largest ... lowest_margin also where the clusterer finds its own number",
    )
    every_n_clusters: list[_Count] = Field(
        [4], min_length=1, description="cluster numbers, asked for or found, on which every is run"
    )
    subset_control: bool = Field(
        True, description="beside each chosen cluster a random subset with as many images"
    )
    missing_class: Literal["record", "error"] = Field(
        "record", description="a chosen cluster without images of some class: note it or stop"
    )

    @field_validator("rules")
    @classmethod
    def _once(cls, rules: list[ClusterRule]) -> list[ClusterRule]:
        if len(set(rules)) != len(rules):
            raise ValueError("a rule is named twice")
        return rules
