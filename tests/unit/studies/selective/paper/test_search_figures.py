"""The specification curve and the weights of the open choices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from advlearn.report.style import PAGE_HEIGHT, PAGE_WIDTH, figure_style
from advlearn.studies.selective.paper.choices import GROUPS, in_order
from advlearn.studies.selective.paper.figures.choices import weights_of_choices
from advlearn.studies.selective.paper.figures.universes import specification
from advlearn.studies.selective.paper.searched import Searched
from tests.helpers.readable import assert_readable

pytestmark = pytest.mark.slow
PUBLISHED = {
    "classic_clean": 0.9701,
    "classic_fgsm": 0.0505,
    "classic_pgd": 0.0244,
    "at_clean": 0.9699,
    "at_fgsm": 0.3016,
    "at_pgd": 0.2888,
}
ANSWERS = {
    "model": ["mlp, 1 hidden layer", "mlp, 2 hidden layers", "cnn, no hidden layer"],
    "rate": ["adam, 0.0001 to 0.0003", "adam, 0.0003 to 0.001", "sgd, 0.001 to 0.01"],
    "epsilon": ["0.5 in pixels", "0.5 standardised", "0.5 in [-1, 1]"],
    "schedule": ["interleaved", "mixed", "adversarial_only", "clean_then_adversarial"],
    "adversarial_steps": ["10", "30", "100", "300", "1000", "0.1 epoch", "0.5 epoch", "1 epoch"],
    "protocol": ["whitebox", "transfer"],
}


def search(count: int, seeds: int, *, published: bool = True) -> Searched:
    """Universes with random baselines and answers; every question has some of two to eight."""
    generator = np.random.default_rng(4)
    questions = {name: ANSWERS.get(name, ["yes", "no"]) for g in GROUPS.values() for name in g}
    values = [
        (place, quantity, share * generator.uniform(0.9, 1.02))
        for place in range(count)
        for quantity, share in PUBLISHED.items()
        for _ in range(seeds)
    ]
    marginals = [
        (question, answer, weight, 1 / len(answers))
        for question, answers in questions.items()
        for answer, weight in zip(
            answers, generator.dirichlet(np.full(len(answers), 0.5)), strict=True
        )
    ]
    given = {name: list(generator.choice(["", *some], count)) for name, some in questions.items()}
    weights = np.exp(-np.arange(count) / 5)
    shown = pd.DataFrame(marginals, columns=["question", "answer", "weight", "prior"])
    # Halfway to equal weights.
    widest = shown.assign(weight=(shown["weight"] + shown["prior"]) / 2)
    return Searched(
        weights / weights.sum(),
        pd.DataFrame(values, columns=["place", "quantity", "value"]),
        {name: [str(each) for each in said] for name, said in given.items()},
        PUBLISHED if published else {},
        shown,
        widest,
    )


def checked(figure: Figure) -> Figure:
    assert_readable(figure)
    width, height = figure.get_size_inches()
    assert width == PAGE_WIDTH
    assert height <= PAGE_HEIGHT
    return figure


def curve(found: Searched) -> Figure:
    with figure_style():
        return checked(specification(found))


def bars(found: Searched) -> Figure:
    with figure_style():
        return checked(weights_of_choices(found.marginals, found.widest))


def line(axis: Axes, label: str) -> np.ndarray:
    (found,) = (each for each in axis.lines if each.get_label() == label)
    return np.asarray(found.get_xydata(), dtype=float)


def test_weights_baselines_and_published_values() -> None:
    found = search(60, 3)
    figure = curve(found)
    heights: list[Any] = list(figure.axes[0].patches)
    assert [bar.get_height() for bar in heights] == pytest.approx(list(found.weights))
    pairs = (("classic_clean", "at_clean"), ("classic_fgsm", "classic_pgd"), ("at_fgsm", "at_pgd"))
    for axis, quantities in zip(figure.axes[1:4], pairs, strict=True):
        for quantity in quantities:
            rows = found.values[found.values["quantity"] == quantity]
            means = rows.groupby("place")["value"].mean()
            assert line(axis, quantity)[:, 1] == pytest.approx(list(means))
            assert line(axis, f"published {quantity}")[:, 1] == pytest.approx(PUBLISHED[quantity])
        shown = [each.get_xydata() for each in axis.lines if each.get_label() == "seeds"]
        assert sum(len(np.asarray(each)) for each in shown) == 2 * 3 * 60


def test_each_universe_has_one_dot_a_question_that_means_something() -> None:
    found = search(60, 1)
    matrix = curve(found).axes[4]
    drawn: dict[str, dict[int, str]] = {}
    for each in matrix.lines:
        question, answer = str(each.get_label()).split(": ", 1)
        for place in np.asarray(each.get_xdata(), dtype=int):
            assert int(place) not in drawn.setdefault(question, {})
            drawn[question][int(place)] = answer
    assert len(drawn) > 5
    for question, dots in drawn.items():
        said = dict(enumerate(found.answers[question]))
        assert dots == {place: answer for place, answer in said.items() if answer}


def test_the_matrix_has_the_questions_that_learned_most() -> None:
    found = search(30, 1)
    marginals = found.widest.assign(weight=found.widest["prior"])
    told = marginals["question"] == "adversarial_steps"
    marginals.loc[told, "weight"] = [1.0] + [0.0] * (told.sum() - 1)
    matrix = curve(found._replace(widest=marginals)).axes[4]
    assert "adversarial_steps: 10" in [str(each.get_label()) for each in matrix.lines]
    assert len(matrix.get_yticks()) <= 36


@pytest.mark.parametrize("count", [1, 2, 60])
def test_the_number_that_holds_most_of_the_weight(count: int) -> None:
    found = search(count, 1)
    needed = int((np.cumsum(found.weights) < 0.9).sum()) + 1
    (text,) = curve(found).axes[0].texts
    verb = "holds" if needed == 1 else "hold"
    assert text.get_text() == f"{needed} {verb} 90 % of the weight"


def test_published_levels_have_the_colour_of_their_marks() -> None:
    axis = curve(search(30, 2)).axes[2]
    for quantity in ("classic_fgsm", "classic_pgd"):
        colours = {
            to_hex(each.get_color())
            for each in axis.lines
            if each.get_label() in (quantity, f"published {quantity}")
        }
        assert len(colours) == 1


def test_bars_are_weights_and_marks_are_shares_of_the_draws() -> None:
    found = search(5, 1)
    drawn: dict[tuple[str, str], tuple[float, float, float]] = {}
    for axis in bars(found).axes:
        for group in axis.containers:
            question, answer = str(group.get_label()).split(": ", 1)
            bar: Any = group[0]
            at = bar.get_y() + bar.get_height() / 2
            points = [
                (str(each.get_marker()), *np.asarray(each.get_xydata(), dtype=float)[0])
                for each in axis.lines
            ]
            ((_, widest), (_, prior)) = sorted(
                ((marker == "|", x) for marker, x, y in points if y == pytest.approx(at)),
            )
            drawn[question, answer] = (bar.get_width(), prior, widest)
    assert len(drawn) == len(found.marginals)
    rows = found.marginals.assign(widest=found.widest["weight"])
    for question, answer, weight, prior, widest in rows.itertuples(index=False):
        assert drawn[str(question), str(answer)] == pytest.approx((weight, prior, widest))


def test_type_of_the_choices_is_large_enough() -> None:
    figure = bars(search(5, 1))
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    for axis in figure.axes:
        texts += [*axis.get_yticklabels(), *axis.get_xticklabels(), axis.xaxis.label, axis.title]
    assert min(float(text.get_fontsize()) for text in texts) >= 7


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (30, 2)])
@pytest.mark.parametrize("published", [True, False])
def test_small_searches_and_no_published_values(size: tuple[int, int], published: bool) -> None:
    found = search(*size, published=published)
    curve(found)
    bars(found)


@pytest.mark.parametrize("length", [10, 40])
def test_long_names_of_questions_and_answers(length: int) -> None:
    found = search(10, 1)
    question, answers = "q" * length, ["a" * length, "b" * length]
    more = pd.DataFrame(
        {"question": question, "answer": answers, "weight": [1.0, 0.0], "prior": [0.5, 0.5]}
    )
    found = found._replace(
        answers={**found.answers, question: [answers[0]] * 10},
        marginals=pd.concat([found.marginals, more], ignore_index=True),
        widest=pd.concat([found.widest, more], ignore_index=True),
    )
    curve(found)
    bars(found)


def test_the_order_of_answers() -> None:
    assert in_order(["1000", "30", "10", "1 epoch", "0.1 epoch", "30"]) == [
        "0.1 epoch", "1 epoch", "10", "30", "1000",
    ]  # fmt: skip
    assert in_order(["epoch", "8", "1"]) == ["1", "8", "epoch"]
    assert in_order(["11 to 20 epochs", "4 to 10 epochs"])[0] == "4 to 10 epochs"
