"""Settings of the stage ``select``: which rules choose clusters, and where they are run."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from advlearn.settings.base import EachOnce, Settings
from advlearn.settings.own import FUNCTION_SAYS, VALUES_SAY, OwnValues, check_known
from advlearn.support.own import FUNCTION, registered

RULES = ("random", "largest", "smallest", "highest_loss", "lowest_margin", "every", "nearest")
"""Rules that choose images by their clusters."""

MODEL_RULES = ("classic", "none", "all", "subset")
"""What stands for a rule where no clusters are looked at."""

_Count = Annotated[int, Field(ge=1, le=10_000)]


class OwnRule(Settings):
    """A selection rule of one's own: a function in an importable module (docs/own-selection.md)."""

    function: Annotated[str, BeforeValidator(partial(registered, kind="selection_rules"))] = Field(
        pattern=FUNCTION, description=FUNCTION_SAYS
    )
    settings: OwnValues = Field({}, description=VALUES_SAY)


class SelectSettings(Settings):
    """Rules that choose clusters.

    The rule ``random`` (the paper's) is run on every setting of every clusterer. Each other rule
    costs a retraining a setting and is run only where the keys below say so.
    """

    rules: Annotated[list[str], EachOnce] = Field(
        ["random", "largest", "smallest", "highest_loss", "lowest_margin", "every"],
        min_length=1,
        description=(
            "rules that choose images: random (the paper's), largest, smallest, highest_loss,"
            " lowest_margin, every, nearest (of every cluster those nearest to its centre), or a"
            " name of own"
        ),
    )
    own: dict[str, OwnRule] = Field({}, description="selection rules of one's own, by name")
    rule_n_clusters: Annotated[list[_Count], EachOnce] = Field(
        [2, 4, 8],
        min_length=1,
        description="settings n_clusters=K on which largest ... lowest_margin and one's own are"
        " run",
    )
    rule_found: bool = Field(
        False,
        description="run these also where the clusterer finds its own number",
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

    @model_validator(mode="after")
    def _known(self) -> Self:
        check_known(self.rules, RULES, self.own, "rules", "rule", taken=MODEL_RULES)
        return self
