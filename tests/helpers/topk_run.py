"""A small run of study 2 made of random numbers with known structure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from advlearn.settings.topk import METHODS
from advlearn.studies.topk.paper.labels import MEASURES
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.schema import SCHEMA
from advlearn.support.io import write_csv, write_json, write_npz
from advlearn.support.seeds import derive_seed

PUBLISHED = Path(__file__).parents[2] / "config" / "published"
NORM: dict[str, float] = dict(
    zip(METHODS, (1.0, 1.3, 4.0, 1.1, 1.5, 1.6, 1.2, 1.15, 0.9), strict=True)
)
"""True norm of each method by TkMIA's; the projected attack is the only smaller one."""
SUCCESS: dict[str, float] = dict(
    zip(METHODS, (0.98, 0.9, 0.5, 0.98, 0.9, 0.85, 0.98, 0.98, 0.98), strict=True)
)


def open_topk(folder: Path) -> TopkTidy:
    """A tidy folder as the tables and figures of study 2 read it."""
    return TopkTidy(folder, PUBLISHED)


def write_topk(
    folder: Path,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    models: Sequence[str] = ("cnn", "resnet", "vit"),
    methods: Sequence[str] = METHODS,
    ks: Sequence[int] = (2, 3, 5),
    n_specified: Sequence[int] = (1, 2, 3),
    sets: Sequence[str] = ("low", "high"),
    images: int = 40,
    shape: tuple[int, int, int] = (1, 32, 32),
    class_names: Sequence[str] = tuple("0123456789"),
    densities: Sequence[tuple[int, int]] = (),
) -> Path:
    """Write a whole tidy folder of study 2 and return it."""
    attacks: list[dict[str, Any]] = []
    for seed in seeds:
        attacks += _cells(seed, models, methods, ks, n_specified, sets, densities)
    parts = [_attack(cell, images) for cell in attacks]
    questions = (
        ("topk.attack.alpha", "weight of the norm", "named, not given", "0.0001"),
        ("topk.attack.clean_map", "start of the iteration", "not given", "arctanh"),
    )
    tables = {
        "topk_images": pd.concat([part for part in parts if len(part)]).drop(columns="preset"),
        "topk_metrics": pd.DataFrame(
            [row for cell, part in zip(attacks, parts, strict=True) for row in _metrics(cell, part)]
        ),
        "topk_models": _models(seeds, models, class_names),
        "topk_search": _search(seeds, models, methods),
        "topk_transfer": _transfer(seeds, models, methods),
        "topk_choices": pd.DataFrame(
            [(*question, "section 4", "all") for question in questions],
            columns=list(SCHEMA.tables["topk_choices"].columns),
        ),
    }
    for name, table in tables.items():
        write_csv(folder / f"{name}.csv", SCHEMA.tables[name].written(table))
    write_npz(folder / "topk_examples.npz", _examples(shape, class_names))
    write_json(
        folder / SCHEMA.record,
        {
            "run": "synthetic",
            "dataset": {
                "name": "scenes",
                "n_train": 2000,
                "n_validation": 200,
                "n_test": 1000,
                "skipped": {"corrupt": 2},
                "cardinality": {"test": 6.0},
            },
            "seeds": list(seeds),
            "primary_model": models[0],
            "preset": "sound",
            "images": images,
            "label_sets": {name: [i, i + 4] for i, name in enumerate(sets)},
            "class_names": list(class_names),
            "versions": {"python": "3.11", "torch": None},
            "settings": {"images": images},
        },
    )
    return folder


def _cells(
    seed: int,
    models: Sequence[str],
    methods: Sequence[str],
    ks: Sequence[int],
    n_specified: Sequence[int],
    sets: Sequence[str],
    densities: Sequence[tuple[int, int]],
) -> list[dict[str, Any]]:
    def cell(experiment: str, method: str, k: int, count: int, **more: Any) -> dict[str, Any]:
        random = {"scheme": "random", "labels": "random", "n_specified": count}
        iterative = method not in ("kfool", "kfool_s", "projected")
        return {
            "dataset": "scenes",
            "model": models[0],
            "seed": seed,
            "experiment": experiment,
            "method": method,
            "preset": "sound",
            **random,
            "k": k,
            "surrogate": "average" if method == "tkmia" else None,
            "alpha": 1e-4 if iterative else None,
            "knowledge": "truth",
            "hidden": 0.0,
            **more,
        }

    focus = (ks[min(1, len(ks) - 1)], n_specified[min(1, len(n_specified) - 1)])
    result = [
        cell("global", method, k, 2, scheme="global", labels=name)
        for method, k, name in product(methods, ks, sets)
    ]
    result += [
        cell("random", method, k, count) for method, k, count in product(methods, ks, n_specified)
    ]
    result += [
        cell("relaxation", "tkmia", k, focus[1], surrogate=surrogate)
        for k, surrogate in product(ks, ("average", "exact", "hinge"))
    ]
    result += [cell("alpha", "tkmia", *focus, alpha=alpha) for alpha in (0.0, 1e-4, 1e-2, 1.0)]
    result += [
        cell("unknown", "tkmia", *focus, knowledge=knowledge, hidden=hidden)
        for knowledge, hidden in product(("truth", "inferred"), (0.0, 0.5))
    ]
    result += [
        cell("transfer", method, *focus, model=model) for method, model in product(methods, models)
    ]
    result += [
        cell("density", method, k, focus[1], labels=f"random, {low} to {high} labels")
        for method, k, (low, high) in product(methods, ks, densities)
    ]
    return result


def _attack(cell: dict[str, Any], count: int) -> pd.DataFrame:
    """One row an eligible image; images have 3 to 9 relevant labels."""
    n_relevant = 3 + np.arange(3 * count) % 7
    # One specified label of a global set, and all of the random ones, are relevant.
    needed = cell["k"] + (1 if cell["scheme"] == "global" else cell["n_specified"])
    fits = (n_relevant >= needed) & (cell["scheme"] == "global" or cell["n_specified"] <= cell["k"])
    if cell["experiment"] == "density":
        low, high = (int(word) for word in cell["labels"].split() if word.isdigit())
        fits &= (n_relevant >= low) & (n_relevant <= high)
    image = np.flatnonzero(fits)[:count]
    # The images are the same for all methods: their difficulty is drawn without the method.
    place = ("scheme", "labels", "n_specified", "k", "model")
    common = np.random.default_rng(derive_seed(*(cell[name] for name in place)))
    own = np.random.default_rng(derive_seed(*map(str, cell.values())))
    difficulty = common.lognormal(0, 0.35, len(image))
    norm = 0.4 * NORM[cell["method"]] * difficulty * own.lognormal(0, 0.05, len(image))
    norm *= cell["k"] ** -0.3 * n_relevant[image] ** 0.2 * (1 + 0.05 * cell["seed"])
    rate = SUCCESS[cell["method"]]
    if cell["surrogate"] == "exact":
        norm *= 1.1
    if cell["alpha"] == 1.0:
        rate, norm = 0.3, 0.6 * norm
    rate *= (1 - 0.7 * cell["hidden"]) * (0.9 if cell["knowledge"] == "inferred" else 1)
    success = own.uniform(size=len(image)) < rate
    change = -np.abs(own.normal(0, 0.02 * NORM[cell["method"]], (len(image), 4)))
    change[own.uniform(size=len(image)) < 0.3] = 0
    frame = pd.DataFrame(
        {
            "image": image,
            "n_relevant": n_relevant[image],
            "success": success,
            "stealth": success & (change[:, 1] >= 0),
            "l2": norm,
            "linf": norm / 5,
            **{name: change[:, i] for i, name in enumerate(MEASURES)},
            "iterations": own.integers(20, 300, len(image)),
        }
    )
    return pd.concat([pd.DataFrame([cell] * len(image)), frame], axis="columns")


def _metrics(cell: dict[str, Any], part: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []

    def add(over: str, metric: str, values: np.ndarray, share: bool = False) -> None:
        n = len(values)
        rows.append(
            {
                **cell,
                "over": over,
                "metric": metric,
                "value": float(np.mean(values)) if n else None,
                "std": float(np.std(values, ddof=1)) if n > 1 and not share else None,
                "n": n,
                "n_eligible": 3 * n if over == "eligible" else 3 * len(part),
            }
        )

    present = len(part) > 0
    empty = np.empty(0)
    success = part["success"].to_numpy() if present else np.empty(0, bool)
    add("eligible", "asr", success, share=True)
    add("eligible", "stealth_asr", part["stealth"].to_numpy() if present else empty, share=True)
    for over, keep in (("eligible", np.ones(len(part), bool)), ("success", success)):
        for metric in ("l2", "linf", *MEASURES, "iterations"):
            add(over, metric, part[metric].to_numpy()[keep] if present else empty)
        add(over, "l2_255", 255 * part["l2"].to_numpy()[keep] if present else empty)
    return rows


def _models(
    seeds: Sequence[int], models: Sequence[str], class_names: Sequence[str]
) -> pd.DataFrame:
    rows = []
    for seed, (place, model), split in product(seeds, enumerate(models), ("validation", "test")):
        base = 0.9 + 0.02 * place + 0.003 * seed
        values = {"class_map": base, "sample_map": base + 0.03}
        values |= {f"class_ap:{name}": base + 0.001 * i for i, name in enumerate(class_names)}
        values[f"class_ap:{class_names[-1]}"] = np.nan
        rows += [
            {
                "dataset": "scenes",
                "model": model,
                "seed": seed,
                "split": split,
                "metric": metric,
                "value": value,
                "n_images": 1000 if split == "test" else 200,
                "n_classes": len(class_names),
            }
            for metric, value in values.items()
        ]
    return pd.DataFrame(rows)


def _search(seeds: Sequence[int], models: Sequence[str], methods: Sequence[str]) -> pd.DataFrame:
    """Two steps an attack; the second is the better one."""
    rows = [
        {
            "dataset": "scenes", "model": model, "seed": seed, "method": method,
            "surrogate": "average", "parameter": "learning_rate", "step": step, "n": 20,
            "asr": 0.9, "l2": NORM[method] / step, "chosen": int(step > 0.05),
        }
        for seed, model, method, step in product(seeds, models, methods, (0.05, 0.1))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _transfer(seeds: Sequence[int], models: Sequence[str], methods: Sequence[str]) -> pd.DataFrame:
    rows = []
    for seed, source, target, method in product(seeds, models, models, [*methods, "noise"]):
        white = source == target and method != "noise"
        rate = 0.98 if white else 0.03 if method == "noise" else 0.12 + 0.05 * NORM[method]
        n = 30 + 2 * seed
        values = {"asr": round(rate * n) / n, **dict.fromkeys(MEASURES, -0.02 - 0.01 * seed)}
        rows += [
            {
                "dataset": "scenes",
                "seed": seed,
                "source": source,
                "target": target,
                "method": method,
                "k": 3,
                "n_specified": 2,
                "metric": metric,
                "value": value,
                "n": n,
            }
            for metric, value in values.items()
        ]
    return pd.DataFrame(rows)


def _examples(shape: tuple[int, int, int], class_names: Sequence[str]) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(8)
    count, n_classes = 4, len(class_names)
    clean = np.zeros((count, *shape), dtype=np.float32)
    side = shape[2] // 4
    for i in np.repeat(range(count), 4):
        top, left = generator.integers(0, shape[1] - side, 2)
        clean[i, :, top : top + side, left : left + side] += generator.uniform(0.3, 0.9)
    clean = clean.clip(0, 1)
    noise = generator.normal(0, 0.02, clean.shape).astype(np.float32)
    logits = np.sort(generator.normal(0, 3, (count, n_classes)))[:, ::-1]
    relevant = np.zeros((count, n_classes), bool)
    relevant[:, :6] = True
    specified = np.zeros_like(relevant)
    specified[:, 1] = True
    attacked = logits.copy()
    attacked[:, 1] = logits[:, 5] - 0.5
    return {
        "clean": clean,
        "adversarial": (clean + noise).clip(0, 1),
        "relevant": relevant,
        "specified": specified,
        "clean_logits": logits,
        "adversarial_logits": attacked,
        "k": np.full(count, 3),
        "class_names": np.array(class_names),
        "method": np.array(["tkmia", "tkmia", "kfool", "tkmia"][:count]),
    }
