"""The bilevel problem: an attacker above, a learner below.

    (M1, max effect)   maximise  D(X*(A), X*(A + E))   over perturbations E inside the budget
    (M2, min effort)   minimise  size(E)               over those E whose effect D is enough

X*(A) is what the learner makes of the data A, and D the attacker's deviation. Two modules say this
of two kinds of lower level:

- :mod:`advlearn.problem.bilevel`: any learner and any deviation, queried (numpy, no torch);
- :mod:`advlearn.problem.evasion`: a trained network whose parameters are frozen, so that the lower
  level is trivial and D has a gradient (torch): the attacks of studies 1 and 2.
"""

from __future__ import annotations

from advlearn.problem.bilevel import (
    Attack,
    BilevelProblem,
    Outcome,
    ValueFunction,
    inverse,
    value_function,
)

__all__ = ["Attack", "BilevelProblem", "Outcome", "ValueFunction", "inverse", "value_function"]
