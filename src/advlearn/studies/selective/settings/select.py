"""Settings of the stage ``select``: which rules choose clusters, and where they are run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from advlearn.settings.base import EachOnce, Settings

ClusterRule = Literal[
    "random", "largest", "smallest", "highest_loss", "lowest_margin", "every", "nearest"
]

_Count = Annotated[int, Field(ge=1, le=10_000)]


class SelectSettings(Settings):
    """Rules that choose clusters.

    The rule ``random`` (the paper's) is run on every setting of every clusterer. Each other rule
    costs a retraining a setting and is run only where the keys below say so.
    """

    rules: Annotated[list[ClusterRule], EachOnce] = Field(
        ["random", "largest", "smallest", "highest_loss", "lowest_margin", "every"],
        min_length=1,
        description=(
            "rules that choose images; random is the paper's; nearest keeps those of every cluster"
            " that are nearest to its centre"
        ),
    )
    rule_n_clusters: Annotated[list[_Count], EachOnce] = Field(
        [2, 4, 8],
        min_length=1,
        description="settings n_clusters=K on which largest ... lowest_margin are run",
    )
    rule_found: bool = Field(
        False,
        description="run largest ... lowest_margin also where the clusterer finds its own number",
    )
    every_n_clusters: Annotated[list[_Count], EachOnce] = Field(
        [4], min_length=1, description="cluster numbers, asked for or found, on which every is run"
    )
    every_found: int = Field(
        0,
        ge=0,
        description=(
            "run every also where the clusterer finds its own number, if that is at most this one"
        ),
    )
    nearest_share: float = Field(
        0.5, gt=0, le=1, description="share of each cluster's images that nearest keeps"
    )
    nearest_n_clusters: Annotated[list[_Count], EachOnce] = Field(
        [1, 4], min_length=1, description="settings n_clusters=K on which nearest is run"
    )
    subset_control: bool = Field(
        True, description="beside each chosen cluster a random subset with as many images"
    )
    missing_class: Literal["record", "error"] = Field(
        "record", description="a chosen cluster without images of some class: note it or stop"
    )
