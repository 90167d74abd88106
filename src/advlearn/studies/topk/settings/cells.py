"""The cells of study 2: which attack is run on which labels, by experiment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from advlearn.settings.topk import TopkAttackSettings
from advlearn.studies.topk.settings.jobs import TopkCell

if TYPE_CHECKING:
    from advlearn.studies.topk.settings.study import TopkSettings

JOBS: dict[str, tuple[str, ...]] = {
    "global": ("global",),
    "random": ("random",),
    "sweeps": ("relaxation", "alpha", "unknown"),
    "transfer": ("transfer",),
    "density": ("density",),
}
"""Jobs of a model and their experiments; an experiment gives the rows of one or two tables."""


def cells_of(study: TopkSettings, job: str) -> tuple[TopkCell, ...]:
    """The cells of one job, experiment by experiment and method by method."""
    return tuple(
        cell
        for experiment in JOBS[job]
        for method in study.methods_of(experiment)
        for cell in _CELLS[experiment](study, method)
    )


def searched_cells(study: TopkSettings, model: str) -> tuple[tuple[str, TopkCell], ...]:
    """Key and cell of every step that is tried on a model; none without a search.

    Each attack has as many, and so has each loss of tkmia on the primary model, where they are
    compared.
    """
    found = []
    for method in dict.fromkeys(("tkmia", *study.methods) if study.search else ()):
        surrogates = [study.attack_of(method).surrogate]
        if method == "tkmia" and model == study.primary:
            surrogates += study.surrogates
        key, steps = study.search.steps_of(method) if study.search else ("", ())
        for surrogate in dict.fromkeys(surrogates):
            for step in steps:
                attack = study.attack_of(method, surrogate=surrogate, **{key: step})
                focus = study.focus
                found.append((key, _at_random("search", attack, focus.k, focus.n_specified)))
    return tuple(found)


def _global(study: TopkSettings, method: str) -> Iterator[TopkCell]:
    """Every fixed label set at every k."""
    for name, labels in study.label_sets.items():
        for k in study.k:
            yield TopkCell(
                experiment="global",
                scheme="global",
                labels=name,
                specified=labels,
                n_specified=len(labels),
                k=k,
                attack=study.attack_of(method),
            )


def _random(study: TopkSettings, method: str) -> Iterator[TopkCell]:
    """Every number of labels drawn for an image at every k."""
    attack = study.attack_of(method)
    for k in study.k:
        for count in study.n_specified:
            # Labels are drawn from the top k: there are never more than k of them.
            if count <= k:
                yield _at_random("random", attack, k, count)


def _relaxation(study: TopkSettings, method: str) -> Iterator[TopkCell]:
    """Every loss at every k that has room for the labels in focus."""
    count = study.focus.n_specified
    for surrogate in study.surrogates:
        attack = study.attack_of(method, surrogate=surrogate)
        for k in (each for each in study.k if each >= count):
            yield _at_random("relaxation", attack, k, count)


def _alpha(study: TopkSettings, method: str) -> Iterator[TopkCell]:
    """Every weight of the norm."""
    focus = study.focus
    for alpha in study.alphas:
        attack = study.attack_of(method, alpha=alpha)
        yield _at_random("alpha", attack, focus.k, focus.n_specified)


def _unknown(study: TopkSettings, method: str) -> Iterator[TopkCell]:
    """Both kinds of knowledge, with every share of the labels hidden."""
    focus = study.focus
    cell = _at_random("unknown", study.attack_of(method), focus.k, focus.n_specified)
    for knowledge in ("truth", "inferred"):
        for hidden in study.hidden:
            yield cell.model_copy(update={"knowledge": knowledge, "hidden": hidden})


def _transfer(study: TopkSettings, method: str) -> Iterator[TopkCell]:
    """The one choice of labels in focus."""
    focus = study.focus
    yield _at_random("transfer", study.attack_of(method), focus.k, focus.n_specified)


def _density(study: TopkSettings, method: str) -> Iterator[TopkCell]:
    """Every range of numbers of labels at every k that has room for the labels in focus."""
    attack, count = study.attack_of(method), study.focus.n_specified
    for low, high in study.densities:
        for k in (each for each in study.k if each >= count):
            cell = _at_random("density", attack, k, count)
            labels = f"random, {density_name(low, high)} labels"
            yield cell.model_copy(update={"labels": labels, "relevant": (low, high)})


def density_name(low: int, high: int) -> str:
    """A range of numbers of labels in words: ``4``, or ``5 to 8``."""
    return f"{low}" if low == high else f"{low} to {high}"


_CELLS: dict[str, Callable[[TopkSettings, str], Iterator[TopkCell]]] = {
    "global": _global,
    "random": _random,
    "relaxation": _relaxation,
    "alpha": _alpha,
    "unknown": _unknown,
    "transfer": _transfer,
    "density": _density,
}


def _at_random(experiment: str, attack: TopkAttackSettings, k: int, n_specified: int) -> TopkCell:
    """A cell whose labels are drawn for each image."""
    return TopkCell(
        experiment=experiment,
        scheme="random",
        labels="random",
        n_specified=n_specified,
        k=k,
        attack=attack,
    )
