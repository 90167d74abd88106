"""When a universe is left: as soon as even a perfect fit of what is left cannot give it weight.

The first stage also looks at it after one epoch: half of its time would go into networks that FGSM
fools from the start, and clean training does not teach them to resist. That is a guess about what
comes, not a bound; finalists drawn at random from all universes show what it costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from advlearn.studies.selective.search.likelihood import HOPELESS, half_squares, logit
from advlearn.studies.selective.search.questions import BASELINES, PROTOCOLS, column_of

Shares = Mapping[str, float]


def hopeless_after(
    earlier: Sequence[Shares], published: Shares, images: int
) -> Callable[[Shares], bool]:
    """The question after each measurement of a universe.

    Args:
        earlier: all shares of the universe's seeds before, each measured to the end.
        published: published share of each baseline.
        images: validation images behind each measured share.
    """

    def hopeless(shares: Shares) -> bool:
        return all(
            half_squares(_means([*earlier, shares], protocol, images), published, images, seeds)
            > HOPELESS
            for protocol in PROTOCOLS
        )

    seeds = len(earlier) + 1
    return hopeless


def hopeless_early(published: Shares, images: int) -> Callable[[float], bool]:
    """The question after one epoch: does FGSM leave too little for any weight?

    Args:
        published: published share of each baseline.
        images: validation images behind the share.
    """

    def hopeless(fgsm: float) -> bool:
        mean = float(logit(np.asarray(fgsm), images))
        far = half_squares({"classic_fgsm": mean}, published, images) > HOPELESS
        return far and fgsm < published["classic_fgsm"]

    return hopeless


def _means(shares: Sequence[Shares], protocol: str, images: int) -> dict[str, float]:
    """Mean logit of the baselines that all seeds know."""
    columns = {baseline: column_of(baseline, protocol) for baseline in BASELINES}
    return {
        baseline: float(np.mean([logit(np.asarray(each[column]), images) for each in shares]))
        for baseline, column in columns.items()
        if all(column in each for each in shares)
    }
