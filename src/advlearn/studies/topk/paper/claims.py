"""The paper's claims about T_kMIA: what tests each, and what came out.

The text of the paper is not known to this project, so a claim is one of its public summary: smaller
perturbation, higher success and smaller change of the measures than the baselines, under both
schemes, over k and over data sets; or one of the three checks that the summary leaves open. The
primary family is the first of these: smaller perturbation than each baseline of the paper that the
run has, under each scheme.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from advlearn.report.bounded import clopper_pearson
from advlearn.report.claims import Verdict, judge
from advlearn.report.crossed import two_way_bootstrap
from advlearn.report.equivalence import two_one_sided
from advlearn.report.frames import groups, records
from advlearn.report.multiplicity import benjamini_hochberg, holm
from advlearn.report.paired import LEVEL, Effect
from advlearn.report.power import minimum_detectable_effect
from advlearn.studies.topk.paper.labels import MEASURES, METHODS, SCHEMES, SURROGATES
from advlearn.studies.topk.paper.notes import SAY
from advlearn.studies.topk.paper.pairs import pairs
from advlearn.studies.topk.paper.run import TopkTidy

Kind = Literal["ratio", "share", "measure"]
SMALLEST: dict[Kind, float] = {"ratio": math.log(1.05), "share": 0.02, "measure": 0.01}
"""Smallest effects of interest: 5 % of the norm, 2 points of success, 0.01 of a measure."""
BASELINES = ("tkml_ap_u", "kfool", "ml_cw_u_a", "ml_cw_u_b", "ml_cw_u_c", "ml_cw_u_d")
"""The paper's baselines; of ML-CW-U all readings."""
OWN_READING = "ml_cw_u_d"
"""The reading that asks for exactly what success asks; the paper's baseline may ask for more."""
FAMILIES = {
    "primary": "Primary family: smaller perturbation than each baseline",
    "secondary": "Success, measures, k, and comparators that are not the paper's",
    "check": "The three next checks",
    "untested": "Not tested in one run",
}
COLUMNS = (
    "family claim words test scheme method k kind smallest mean ci_low ci_high attacks images seeds"
    " p p_holm p_bh p_no_gain p_no_gain_holm p_no_gain_bh p_no_loss equivalence_low"
    " equivalence_high detectable verdict reason sentence"
).split()
_COLUMNS = ["mean", "ci_low", "ci_high", "equivalence_low", "equivalence_high", "detectable"]


class _Claim(NamedTuple):
    """A claim with its attacks: value is the gain of what is claimed to be better."""

    family: str
    id: str
    words: str
    test: str
    kind: Kind
    rows: pd.DataFrame
    scheme: str = "none"
    method: str = "none"
    k: str = "all"


class Tested(NamedTuple):
    """All claims of a run.

    Attributes:
        frame: `COLUMNS`, one row a claim. Effects are gains of T_kMIA (of the average of the top k
            in the check of the relaxation, of the larger weight in that of the norm); those of
            norms are ratios.
        rows: rows of ``topk_images`` behind the effects: claim, row, row_reference.
    """

    frame: pd.DataFrame
    rows: pd.DataFrame


@lru_cache(maxsize=2)
def tested(run: TopkTidy) -> Tested:
    """Test every claim, correct the p-values, and judge.

    The primary family is corrected by Holm, all tests together by Benjamini and Hochberg.
    """
    made = [*_against_others(run), *_checks(run)]
    if not made:
        nothing = pd.DataFrame(columns=["claim", "row", "row_reference"])
        return Tested(_untested(run).reindex(columns=COLUMNS), nothing)
    tests = sum(claim.family == "primary" for claim in made)
    lines = [_line(claim, tests if claim.family == "primary" else 1) for claim in made]
    frame = pd.DataFrame(lines).drop(columns="effect")
    primary = (frame["family"] == "primary").to_numpy()
    for name in ("p", "p_no_gain"):
        # A test that could not be made counts with p = 1.
        given = frame[name].fillna(1.0).to_numpy(float)
        frame[f"{name}_holm"] = np.nan
        frame.loc[primary, f"{name}_holm"] = holm(given[primary])
        frame[f"{name}_bh"] = benjamini_hochberg(given)
    judged = [_judged(line, row) for line, row in zip(lines, records(frame), strict=True)]
    frame["verdict"] = [str(verdict) for verdict, _ in judged]
    frame["reason"] = [reason for _, reason in judged]
    ratios = frame["kind"] == "ratio"
    for name in (*_COLUMNS, "smallest"):
        frame.loc[ratios, name] = np.exp(frame.loc[ratios, name].astype(float))
    frame["sentence"] = [SAY.claim(row) for row in records(frame)]
    frame = pd.concat([frame, _untested(run)], ignore_index=True)
    frame = frame.astype(dict.fromkeys(["attacks", "images", "seeds"], "Int64"))
    rows = pd.concat([claim.rows.assign(claim=claim.id) for claim in made], ignore_index=True)
    return Tested(frame[COLUMNS], rows[["claim", "row", "row_reference"]])


def _against_others(run: TopkTidy) -> Iterator[_Claim]:
    found = pairs(run.primary_images(), {"method": "tkmia"})
    # The rival's norm and changes are better when small, its success when large.
    sign = np.where(found["metric"] == "asr_difference", -1.0, 1.0)
    found = found.assign(value=found["value"] * sign)
    for scheme in SCHEMES.order(found["scheme"]):
        for method in METHODS.order(found["method"]):
            part = found[(found["scheme"] == scheme) & (found["method"] == method)]
            name, where = METHODS(method), SCHEMES(scheme)
            letter = scheme[0].upper()

            def claim(
                family: str, id_: str, words: str, test: str, kind: Kind, rows: pd.DataFrame,
                k: str = "all", scheme: str = scheme, method: str = method,
            ) -> _Claim:  # fmt: skip
                return _Claim(family, id_, words, test, kind, rows, scheme, method, k)

            norms = part[part["metric"] == "l2_ratio"]
            if len(norms):
                words = f"{where}: smaller perturbation than {name}"
                test = f"L2 norm of {name} by TkMIA's, where both succeed"
                family = "primary" if method in BASELINES else "secondary"
                yield claim(family, f"{letter}-norm-{method}", words, test, "ratio", norms)
                for (k,), rows in groups(norms.sort_values("k", kind="stable"), ["k"]):
                    yield claim(
                        "secondary", f"{letter}-norm-{method}-k{k}", f"{words} at k = {k}", test,
                        "ratio", rows, str(k),
                    )  # fmt: skip
            rates = part[part["metric"] == "asr_difference"]
            if len(rates):
                yield claim(
                    "secondary", f"{letter}-success-{method}",
                    f"{where}: higher success than {name}", f"success of TkMIA minus {name}'s",
                    "share", rates,
                )  # fmt: skip
            for measure in MEASURES:
                rows = part[part["metric"] == f"abs_{measure}_difference"]
                if len(rows):
                    yield claim(
                        "secondary", f"{letter}-{measure}-{method}",
                        f"{where}: smaller change of {MEASURES(measure)} than {name}",
                        f"size of {name}'s change minus that of TkMIA's, where both succeed",
                        "measure", rows,
                    )  # fmt: skip


def _checks(run: TopkTidy) -> Iterator[_Claim]:
    found = pairs(run.images("relaxation"), {"surrogate": "average"})
    norms = found[found["metric"] == "l2_ratio"]
    for same in _alike(list(groups(norms, ["surrogate"]))):
        (surrogate,), rows = same[0]
        others = " and ".join(SURROGATES(name) for (name,), _ in same[1:])
        yield _Claim(
            "check",
            f"relaxation-{surrogate}",
            f"1, the relaxation: smaller perturbation with the average than with the"
            f" {SURROGATES(surrogate)}{f' (or the {others}, which makes the same)' * bool(others)}",
            "L2 norm with this loss by that with the average, where both succeed",
            "ratio",
            rows,
        )
    images = run.images("alpha")
    if len(images):
        least = images["alpha"].min()
        found = pairs(images, {"alpha": least})
        found = found.assign(value=-found["value"])
        for (alpha,), rows in groups(found[found["metric"] == "l2_ratio"], ["alpha"]):
            yield _Claim(
                "check",
                f"weight-{alpha:g}",
                f"3, the weight of the norm shortens the perturbation: α = {alpha:g}",
                f"L2 norm with α = {least:g} by that with α = {alpha:g}, where both succeed",
                "ratio",
                rows,
            )


def _alike(losses: list[tuple[Any, pd.DataFrame]]) -> list[list[tuple[Any, pd.DataFrame]]]:
    """Losses with the same norms on the same images together: one test, not several.

    Until an attack succeeds the hinge is the exact sum itself, so that they make the same.
    """
    keys = ["k", "seed", "image", "value"]
    result: list[list[tuple[Any, pd.DataFrame]]] = []
    for loss in losses:
        own = loss[1][keys].sort_values(keys).to_numpy(float)
        for same in result:
            other = same[0][1][keys].sort_values(keys).to_numpy(float)
            if own.shape == other.shape and np.allclose(own, other, rtol=1e-9, atol=0):
                same.append(loss)
                break
        else:
            result.append([loss])
    return result


def _untested(run: TopkTidy) -> pd.DataFrame:
    """Claims that the rows of images of one run cannot decide, with the reason."""
    name = run.study.dataset["name"]
    claims = [
        (
            "datasets",
            "over data sets: the same on VOC 2012, COCO 2014 and NUS-WIDE",
            f"the run has one data set, {name}; each has a run of its own",
        ),
        (
            "architectures",
            "2, other architectures: the same on other networks, and transfer between them",
            "all methods are run on the primary model alone; the table of the transfer has shares"
            " of seeds, not of images",
        ),
    ]
    return pd.DataFrame(
        [
            {
                "family": "untested",
                "claim": id_,
                "words": words,
                "test": "none",
                "scheme": "none",
                "method": "none",
                "k": "all",
                "kind": "none",
                "verdict": str(Verdict.NOT_TESTABLE),
                "reason": reason,
                "sentence": f"{words}: {Verdict.NOT_TESTABLE} ({reason}).",
            }
            for id_, words, reason in claims
        ]
    )


def _line(claim: _Claim, tests: int) -> dict[str, Any]:
    """Numbers of a claim; what is detectable, at the level of one of so many tests."""
    rows, smallest = claim.rows, SMALLEST[claim.kind]
    found = two_way_bootstrap(rows["value"], rows["image"], rows["seed"])
    effect = found.effect
    no_gain = no_loss = math.nan
    low = high = detectable = math.nan
    if effect.known:
        equivalence = two_one_sided(effect, smallest)
        low, high = equivalence.low, equivalence.high
        no_gain, no_loss = equivalence.p_no_gain, equivalence.p_no_loss
        detectable = minimum_detectable_effect(effect.spread, effect.n, level=LEVEL / tests)
    elif claim.kind == "share" and found.error == 0 and found.mean == 0:
        # No image differs: a share of them as large as of interest would hardly be missed.
        most = float(clopper_pearson(0, found.images)["ci_high"].iloc[0])
        effect = Effect(0.0, 0.0, effect.n, -most, most, 1.0)
        low, high = -(1 - 0.05 ** (1 / found.images)), 1 - 0.05 ** (1 / found.images)
        no_gain = no_loss = (1 - smallest) ** found.images
        detectable = 1 - 0.2 ** (1 / found.images)
    return {
        "effect": effect,
        "family": claim.family,
        "claim": claim.id,
        "words": claim.words,
        "test": claim.test,
        "scheme": claim.scheme,
        "method": claim.method,
        "k": claim.k,
        "kind": claim.kind,
        "smallest": smallest,
        "mean": effect.mean,
        "ci_low": effect.low,
        "ci_high": effect.high,
        "attacks": found.attacks,
        "images": found.images,
        "seeds": found.seeds,
        "p": effect.p,
        "p_no_gain": no_gain,
        "p_no_loss": no_loss,
        "equivalence_low": low,
        "equivalence_high": high,
        "detectable": detectable,
    }


def _judged(line: dict[str, Any], row: dict[str, Any]) -> tuple[Verdict, str]:
    correction = "holm" if row["family"] == "primary" else "bh"
    found = judge(
        line["effect"],
        p=row[f"p_{correction}"],
        p_no_gain=row[f"p_no_gain_{correction}"],
        smallest=line["smallest"],
        detectable=line["detectable"],
    )
    return found.verdict, str(found.reason)
