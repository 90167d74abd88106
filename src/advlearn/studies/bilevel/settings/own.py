"""Clusterers and attacks of the user's own in study 3 (docs/own-attack.md)."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import BeforeValidator, Field

from advlearn.settings.base import Settings
from advlearn.settings.own import FUNCTION_SAYS, VALUES_SAY, OwnValues
from advlearn.support.own import FUNCTION, registered


class OwnVictim(Settings):
    """A clusterer of which the attacker sees labels alone."""

    function: Annotated[str, BeforeValidator(partial(registered, kind="victims"))] = Field(
        pattern=FUNCTION, description=FUNCTION_SAYS
    )
    settings: OwnValues = Field({}, description=VALUES_SAY)


class OwnClusteringAttack(Settings):
    """An attack on clusterings."""

    function: Annotated[str, BeforeValidator(partial(registered, kind="clustering_attacks"))] = (
        Field(pattern=FUNCTION, description=FUNCTION_SAYS)
    )
    settings: OwnValues = Field({}, description=VALUES_SAY)
