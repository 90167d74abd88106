"""README and page of findings: short, and no number that a shipped table does not hold."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from advlearn.report.claims import Verdict
from advlearn.report.numbers import format_number, format_signed
from scripts import pages

ROOT = Path(__file__).resolve().parents[3]
README, FINDINGS = pages.FURTHER
TIDY = ROOT / "results" / "reference" / "tidy"
TABLES = ROOT / "results" / "reference" / "paper" / "tables"
MOST_WORDS = 700
NUMBER = re.compile(r"[+−]?\d+(?:,\d{3})*(?:\.\d+)?")
CLAIMS = ("selective", "topk", "bilevel")
"""Studies whose comparisons stand in a table of claims, one row each."""


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


fresh = cache(pages.block)


def generated(page: Path) -> str:
    """What stands between the markers of a page; there is one such block on each of the two."""
    (found,) = pages.MARKERS.finditer(text_of(page))
    return found[0].split("-->\n", 1)[1].rsplit("\n<!--", 1)[0]


@cache
def claims(study: str) -> pd.DataFrame:
    return pd.read_csv(TABLES / f"{study}_claims.csv")


def section(study: str) -> str:
    """A study's part of the page of findings."""
    parts = re.split(r"^## ", generated(FINDINGS), flags=re.MULTILINE)
    (found,) = [part for part in parts if f"](studies/{study}.md)" in part]
    return found.split("\n", 1)[1]


def said(study: str) -> list[str]:
    """The sentences of a study, without links and without the names of claims."""
    lines = section(study).splitlines()
    return [re.sub(r"\]\([^)]*\)", "]", line) for line in lines if not line.startswith(("|", "<"))]


# --- the README -----------------------------------------------------------------------------------


def test_the_readme_is_short() -> None:
    assert len(text_of(README).split()) <= MOST_WORDS


def test_the_readme_has_one_generated_block_one_picture_and_five_links_to_read_on() -> None:
    text = text_of(README)
    assert [found[2] for found in pages.MARKERS.finditer(text)] == ["answers"]
    assert len(re.findall(r"<img |!\[", text)) == 1
    assert len(re.findall(r"^- \[", text, re.MULTILINE)) == 5
    assert re.findall(r"^make \w+", text, re.MULTILINE) == ["make demo", "make test"]


@pytest.mark.slow
def test_every_answer_stands_in_readme_and_findings() -> None:
    for _, found in pages.all_findings():
        answer = found.answer
        assert answer.number is not None
        for page in (README, FINDINGS):
            text = generated(page)
            assert pages._text(answer.claim) in text
            assert answer.number.value in text
            assert f"**{answer.verdict}**" in text


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("page", [README, FINDINGS], ids=["README", "findings"])
def test_no_digit_can_be_another(page: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """Each digit between the markers is changed in turn, and the page is found stale."""
    monkeypatch.setattr(pages, "block", fresh)
    text = text_of(page)
    assert pages.rendered(page) == text
    (found,) = pages.MARKERS.finditer(text)
    other = tmp_path / page.name
    digits = [place for place in range(*found.span()) if text[place].isdecimal()]
    assert len(digits) > 30
    for place in digits:
        changed = f"{text[:place]}{(int(text[place]) + 1) % 10}{text[place + 1 :]}"
        other.write_text(changed, encoding="utf-8")
        assert pages.rendered(other) == text


@pytest.mark.parametrize("study", CLAIMS)
def test_every_row_is_that_of_the_table(study: str) -> None:
    frame = claims(study)
    rows = [
        [cell.strip() for cell in line.strip("|\n").split(" | ")]
        for line in section(study).splitlines()
        if line.startswith("| ") and not re.match(r"\| (?:---|claim)", line)
    ]
    assert len(rows) == frame["family"].isin(shown_families(study)).sum()
    for *names, effect, verdict in rows:
        mine = frame[frame["words"].map(pages._text) == names[-1]]
        if len(names) > 1:
            mine = mine[mine["claim"] == names[0]]
        (row,) = mine.to_dict("records")
        assert verdict == row["verdict"]
        assert NUMBER.findall(effect) == effects(row), names


def shown_families(study: str) -> list[str]:
    others = {"selective": ["standard", "prediction"]}
    return [each for each in claims(study)["family"].unique() if each not in others.get(study, [])]


def effects(row: Mapping[Any, Any]) -> list[str]:
    """Mean and interval as the page shows them, as far as there are any, or the counted cases."""
    if row.get("kind") == "cases":
        return [f"{row[name]:,.0f}" for name in ("against", "n")]
    signed = row.get("kind", "difference") != "ratio"
    values = [row[name] for name in ("mean", "ci_low", "ci_high") if pd.notna(row[name])]
    return [(format_signed if signed else format_number)(value) for value in values]


@pytest.mark.parametrize("study", ["selective", "topk"])
def test_every_number_of_a_sentence_is_in_the_table_or_counted_there(study: str) -> None:
    frame = claims(study)
    columns = ("mean", "ci_low", "ci_high", "smallest")
    known = {form(value) for name in columns for value in frame[name].dropna()
             for form in (format_number, format_signed)}  # fmt: skip
    known |= {f"{value:g}" for value in frame["smallest"].dropna()}
    parts = [frame, *(part for _, part in frame.groupby("family"))]
    parts += [part for keys in (["family", "kind"], ["set"]) if set(keys) <= set(frame)
              for _, part in frame.groupby(keys)]  # fmt: skip
    if "method" in frame:
        rivals = frame[frame["method"].isin(set(frame.loc[frame["family"] == "primary", "method"]))]
        parts += [rivals[(rivals["kind"] == "share")]]
        parts += [rivals[(rivals["kind"] == "ratio") & (rivals["k"].astype(str) != "all")]]
    for part in parts:
        known |= {str(len(part)), *map(str, part["verdict"].value_counts())}
        known |= {str((part["verdict"] == str(verdict)).sum()) for verdict in Verdict}
    if "failed_checks" in frame:
        primary = frame[frame["family"] == "primary"]
        known |= {str((primary["failed_checks"] > 0).sum()), str(int(frame["n"].max()))}
        known |= {str((primary["p_margin_holm"] < 0.05).sum())}
        known |= {str(int(primary["n_universes"].max()))}
        strength = pd.read_csv(TABLES / "selective_strength.csv")
        kept = strength.loc[(strength["rule"] == "all") & (strength["attack"] == "fgsm")]
        known |= {format_number(value) for value in kept["worst_case"]}
        universes = json.loads((TIDY / "selective_study.json").read_text())["universes"].values()
        plausible = [each for each in universes if "plausible" in each["sets"]]
        known |= {str(sum(each["protocol"] == "transfer" for each in plausible))}
    words = " " + " ".join(frame["words"])
    for sentence in said(study):
        plain = re.sub(r"Table \d|L2|\d+ seeds", "", sentence)
        wrong = {each for each in set(NUMBER.findall(plain)) - known if f" {each}" not in words}
        assert not wrong, sentence


def test_the_numbers_of_study_3_follow_from_its_tidy_tables() -> None:
    """Counted and divided here, from the files, without the code of the study."""
    text = " ".join(said("bilevel"))
    sandwich = pd.read_csv(TIDY / "bilevel_sandwich.csv")
    keys = ["dataset", "weights", "gamma"]
    kinds = sandwich.assign(
        certified=sandwich["epsilon"].where(sandwich["kind"] == "certified"),
        attacked=sandwich["epsilon"].where(sandwich["kind"] == "attacked"),
    )
    # At the attacked gamma the attack stage's own smallest perturbation counts, too.
    study = json.loads((TIDY / "bilevel_study.json").read_text(encoding="utf-8"))
    attacks = pd.read_csv(TIDY / "bilevel_attacks.csv").query(
        "form == 'min_effort' and budget == 'per_point' and reached == 1 and epsilon > 0"
    )
    attacks = attacks[attacks["target"].str.replace("_", " ") == "first change"]
    nearest = []
    for name in attacks["dataset"]:
        grid, gamma = sandwich.loc[sandwich["dataset"] == name, "gamma"], study["datasets"][name]
        nearest.append(next(each for each in grid if abs(each / gamma["gamma"] - 1) < 1e-6))
    more = attacks[["dataset", "weights"]].assign(gamma=nearest, attacked=attacks["epsilon"])
    kinds = pd.concat([kinds, more])
    both = kinds.groupby(keys).agg({"certified": "max", "attacked": "min"}).reset_index()
    for weights in ("fixed", "recomputed"):
        part = both[both["weights"] == weights]
        ratio = (part["attacked"] / part["certified"])[part["certified"] > 0].dropna()
        assert (
            f"With {weights} weights the smallest attack found is {ratio.median():.2f} times"
            in (text)
        )
        assert f"{len(ratio)} γ); at {(part['certified'] == 0).sum()} of {len(part)} γ" in text
    formulas = pd.read_csv(TIDY / "bilevel_formulas.csv")
    moves = pd.read_csv(TIDY / "bilevel_monotone.csv")
    for cases in (formulas["cases"].sum(), moves["inside_region"].sum()):
        assert f"not so in 0 of {cases:,} |" in re.sub(" +", " ", section("bilevel"))
    (path,) = TIDY.glob("bilevel_staircase.csv*")
    curves = pd.read_csv(path)
    curves = curves[(curves["curve"] == "value") & (curves["deviation"] == "delta")]
    values = curves.groupby(["dataset", "direction", "seed"])["value"].max()
    held = int((values > 0).sum())
    assert f"in {held} of {len(values)} value functions" in text
