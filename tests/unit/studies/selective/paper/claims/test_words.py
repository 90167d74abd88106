"""Sentences hold the numbers of their rows, and no others."""

from __future__ import annotations

import re

import pytest

from advlearn.report.frames import records
from advlearn.report.numbers import format_number, format_p, format_signed
from advlearn.studies.selective.paper.answer import answer
from advlearn.studies.selective.paper.claims.verdicts import verdicts
from advlearn.studies.selective.paper.claims.words import (
    kind_sentence,
    page_sentences,
    published_changes,
    sentence,
    where,
    with_sentences,
)
from advlearn.studies.selective.schema import SelectiveTidy
from tests.helpers.selective_run import with_study

pytestmark = pytest.mark.slow

NUMBER = re.compile(r"[+−]?\d[\d,]*\.\d+")


def test_every_number_of_a_sentence_is_one_of_its_row(full: SelectiveTidy) -> None:
    for line in records(with_sentences(full)):
        numbers = [value for value in line.values() if isinstance(value, float)]
        numbers += [line["first"] - line["mean"], 0.02, 0.05, 2.0 ** (1 - line["n"])]
        known = {form(value) for value in numbers for form in (format_number, format_signed)}
        known |= {f"{line['smallest']:g}", "0.001", "0.02"}
        # What a text of the row says (a reason, the test) is the row's too.
        known |= set(NUMBER.findall(f"{line['reason']} {line['test']} {line['words']}"))
        said = set(NUMBER.findall(line["sentence"]))
        assert said <= known, (line["claim"], said - known)
        assert f"{line['claim']} (" in line["sentence"]
        assert f"is {line['verdict']}" in line["sentence"]
        assert "nan" not in line["sentence"]


def test_a_sentence_says_what_decided(full: SelectiveTidy) -> None:
    line = records(with_sentences(full))[0]
    assert format_signed(line["mean"]) in line["sentence"]
    assert format_p(line["p_holm"]) in line["sentence"]
    assert format_p(line["p_margin_holm"]) in line["sentence"]
    assert "Holm" in line["sentence"]
    assert "small, white-box" in line["sentence"]


def test_disagreement_and_floor_are_said(full: SelectiveTidy) -> None:
    line = records(verdicts(full).frame)[0]
    base = {**line, "p": 0.01, "p_exact": 0.2, "n": 10}
    assert "disagrees" in sentence(full, base)
    assert "cannot give less" not in sentence(full, base)
    assert "5 seeds cannot give less than 0.062" in sentence(full, {**base, "n": 5})
    assert "disagrees" not in sentence(full, {**base, "p_exact": 0.02})
    low = {**base, "first": 0.010, "mean": 0.004}
    assert "below 0.02" in sentence(full, low)
    assert "below 0.02" not in sentence(full, {**low, "first": 0.03})
    assert "below 0.02" not in sentence(full, {**low, "mean": -0.03})  # the control is above


def test_unreliable_rows_say_so(full: SelectiveTidy) -> None:
    line = records(verdicts(full).frame)[0]
    assert "Unreliable: 3 of 9 checks" in sentence(full, {**line, "failed_checks": 3, "checks": 9})
    assert "Unreliable" not in sentence(full, {**line, "failed_checks": 0})


def test_page_counts_the_verdicts(full: SelectiveTidy) -> None:
    frame = verdicts(full).frame
    primary = frame[frame["family"] == "primary"]
    answer, _, secondary, *_ = page_sentences(full)
    holds = int((primary["verdict"] == "holds").sum())
    assert f"in {holds} of 10 primary comparisons" in answer
    assert f"{int((primary['verdict'] == 'refuted').sum())} refuted" in answer
    assert format_signed(primary["mean"].min()) in answer
    excluded = int((primary["p_margin_holm"] < 0.05).sum())
    assert f"excluded in {excluded} of the {int((primary['n'] > 0).sum())}" in answer
    others = frame[frame["family"] == "secondary"]
    assert f"of {len(others)} hold" in secondary
    assert any("standard, white-box" in said for said in page_sentences(full))


def test_what_adversarial_accuracy_is_and_what_strong_attacks_leave(full: SelectiveTidy) -> None:
    strength = full["selective_strength"]
    rows = strength[(strength["universe"] == "small") & (strength["rule"] == "all")]
    rows = rows[rows["attack"] == "fgsm"]
    kept = rows[rows["strong_attack"] == "square"]["robust_so_far"].mean()
    said = kind_sentence(full)
    assert f"all FGSM images keep {format_number(kept)} (small) of the test images." in said
    assert "transfer" not in said
    universes = full.study.universes
    small = universes["small"] | {"sets": {"plausible": 1.0}}
    standard = universes["standard"] | {"protocol": "transfer", "sets": {"plausible": 3.0}}
    both = with_study(full, universes={"small": small, "standard": standard})
    assert "In 1 of 2 universes adversarial accuracy is that of images crafted" in (
        kind_sentence(both)
    )
    for run, unit in (
        (both, "in adversarial accuracy, mostly of transferred images"),
        (full, "in adversarial accuracy"),
    ):
        number = answer(run).number
        assert number is not None
        assert number.unit == unit


def test_fewer_universes_than_the_set_has_are_counted(full: SelectiveTidy) -> None:
    sets = {name: {"sets": {"plausible": 1.0}} for name in ("small", "standard")}
    both = with_study(
        full, universes={name: full.study.universes[name] | sets[name] for name in sets}
    )
    line = records(verdicts(full).frame)[0]
    assert "2 plausible universes" in sentence(both, {**line, "n_universes": 2})
    assert "1 of 2 plausible universes" in sentence(both, {**line, "n_universes": 1})


def test_one_seed_says_nothing_is_testable(smoke: SelectiveTidy) -> None:
    answer, *rest = page_sentences(smoke)
    assert "in 0 of 10 primary comparisons" in answer
    assert "10 not testable" in answer
    # The published curves are of other data.
    assert not any("published curves" in said for said in rest)


def test_published_curves_change_as_they_are_printed(full: SelectiveTidy) -> None:
    """Least squares by the normal equations, from the table as it is printed."""
    found = published_changes(full)
    frame = full.published("selective_table1_fgsm")
    frame = frame[(frame["metric"] == "adversarial_accuracy") & (frame["algorithm"] == "kmeans")]
    points = [(x, y) for x, y in zip(frame["n_clusters"], frame["published"], strict=True) if x > 1]
    n, sx, sy = len(points), sum(x for x, _ in points), sum(y for _, y in points)
    sxy, sxx = sum(x * y for x, y in points), sum(x * x for x, _ in points)
    slope = (n * sxy - sx * sy) / (n * sxx - sx * sx)
    assert [name for name, _ in found] == [
        "k-means, FGSM", "agglomerative, FGSM", "k-means, PGD", "agglomerative, PGD"
    ]  # fmt: skip
    assert found[0][1] == pytest.approx(8 * slope)


def test_sets_have_names(full: SelectiveTidy) -> None:
    assert where(full, "plausible") == "small, white-box"
    assert where(full, "standard") == "standard, white-box"
    assert where(full, "fixed") == "0 fixed universes"
