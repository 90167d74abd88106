"""Stage bilevel_collect: the tidy tables of study 3."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from advlearn.data import clusterpath
from advlearn.data.point_sets import read_points
from advlearn.deviations.agreement import KINDS, REACHES
from advlearn.deviations.checks import formulas
from advlearn.deviations.moves import moved_points
from advlearn.deviations.partitions import DEVIATIONS
from advlearn.studies.bilevel.schema import SCHEMA
from advlearn.studies.bilevel.settings.attack import WEIGHTS
from advlearn.studies.bilevel.settings.certify import REBUILT, WORST
from advlearn.studies.bilevel.settings.study import BilevelCollectJob
from advlearn.support.checksums import sha256_of_all
from advlearn.support.choices import choices_table
from advlearn.support.io import read_csv, write_csv, write_json
from advlearn.support.manifest import Manifest
from advlearn.support.provenance import versions
from advlearn.support.rows import check_rows, read_rows

ONEPOINT_METHODS = 2
"""The attack, and noise as its control."""


def bilevel_collect(
    *,
    files: Annotated[
        Manifest,
        typer.Option(parser=Manifest.parse, help="JSON: patterns of the files to gather, by kind"),
    ],
    choices: Annotated[Path, typer.Option(help="CSV of what the paper leaves open")],
    settings: Annotated[
        BilevelCollectJob, typer.Option(parser=BilevelCollectJob.from_json, help="JSON")
    ],
    out: Annotated[Path, typer.Option(help="bilevel_study.json to write, the tables beside it")],
) -> None:
    """Gather all tables of study 3, each with as many rows as the run asks for.

    Raises:
        UserError: a file is missing or damaged, or lacks rows that the run asks for.
    """
    gatherer = Gatherer(files, settings)
    study = settings.study.model_dump(mode="json")
    tables = {
        **gatherer.delta(),
        **gatherer.clusterpaths(),
        **gatherer.certificates(),
        **gatherer.attacks(),
        "choices": choices_table(read_csv(choices), {"all": study}),
    }
    for table, frame in tables.items():
        name = f"bilevel_{table}"
        write_csv(out.with_name(f"{name}.csv"), SCHEMA.tables[name].written(frame))
    write_json(
        out,
        {
            "run": settings.run,
            "seeds": list(settings.seeds),
            "datasets": {name: gatherer.describe_data(name) for name in settings.datasets},
            "settings": study,
            "versions": versions(),
            "left_out": list(settings.study.left_out()),
            "files": sha256_of_all(out.with_name(name) for name in SCHEMA.files),
        },
    )


class Gatherer:
    """The tables of a run; each is refused when a row is missing."""

    def __init__(self, files: Manifest, settings: BilevelCollectJob) -> None:
        self.files, self.settings = files, settings
        self.study = settings.study
        self.data = {
            name: read_points(files.path("data", dataset=name)) for name in settings.datasets
        }
        self.paths = {
            name: clusterpath.read_clusterpath(
                files.path("clusterpath", dataset=name), len(data.points)
            )
            for name, data in self.data.items()
        }

    def describe_data(self, name: str) -> dict[str, Any]:
        """What the record says of one point set."""
        data, path = self.data[name], self.paths[name]
        return {
            "n": len(data.points),
            "d": data.points.shape[1],
            "classes": len(data.classes),
            "scale": data.scale,
            "dropped": list(data.dropped),
            "edges": len(path.edges),
            "gamma": path.gamma,
            "n_clusters": int(path.chosen_labels.max()) + 1,
        }

    def delta(self) -> dict[str, pd.DataFrame]:
        """Tables of bilevel_delta."""
        delta = self.study.delta
        scenarios = len(delta.agreement_clusters) * 2 * len(REACHES) * len(KINDS)
        wanted = {
            "formulas": len(formulas()),
            "moved": len(moved_points(delta.sizes)),
            "monotone": len(delta.monotone_clusters) * len(delta.imbalances) * delta.bins,
            "agreement": scenarios * len(DEVIATIONS) * len(delta.seeds),
        }
        return {name: self._once(name, count) for name, count in wanted.items()}

    def clusterpaths(self) -> dict[str, pd.DataFrame]:
        """Tables of bilevel_path."""
        paths, trajectories = [], []
        for name in self.settings.datasets:
            n_gammas, n = self.paths[name].labels.shape
            paths.append(read_rows(self.files.path("path", dataset=name), n_gammas))
            kept = n_gammas * n if name in self.settings.trajectories else 0
            trajectories.append(read_rows(self.files.path("trajectories", dataset=name), kept))
        return {"path": _concatenated(paths), "trajectories": _concatenated(trajectories)}

    def certificates(self) -> dict[str, pd.DataFrame]:
        """Tables of bilevel_certify."""
        checks = {
            "intervals": self._check_intervals,
            "sandwich": self._check_sandwich,
            "trials": self._check_trials,
            "calmness": self._check_calmness,
            "defence": self._check_defence,
        }
        found = {}
        for table, check in checks.items():
            frames = []
            for name in self.settings.certify:
                path = self.files.path(table, dataset=name)
                frame = read_csv(path)
                check(path, frame, name)
                frames.append(frame)
            found[table] = _concatenated(frames)
        return found

    def attacks(self) -> dict[str, pd.DataFrame]:
        """Tables of bilevel_attack, bilevel_blackbox, bilevel_poison and bilevel_onepoint."""
        settings, study = self.settings, self.study
        attack, blackbox, onepoint = study.attack, study.blackbox, study.onepoint
        forms = 1 + len(attack.targets) + len(attack.budgets) * len(attack.taus)
        wanted = len(attack.weights) * len(attack.methods) * forms
        # Every victim is given what was made on the surrogate, on each victim, and noise.
        blind = len(blackbox.victims) * len(blackbox.methods)
        handed = len(blackbox.victims) * (len(blackbox.surrogates) + blind + 1)
        pairs = len(onepoint.pairs) * len(onepoint.victims) * len(onepoint.seeds)
        attacks, curves = [], []
        for name in settings.attack:
            for seed in settings.seeds:
                place = {"dataset": name, "seed": seed}
                attacks.append(read_rows(self.files.path("attacks", **place), wanted))
                path = self.files.path("staircase", **place)
                curve = read_csv(path)
                directions = sorted({"value", "noise", "merge", "transfer", *curve["direction"]})
                check_rows(
                    path, curve, attack.staircase, direction=directions, deviation=DEVIATIONS
                )
                curves.append(curve)
        boxes = [
            read_rows(self.files.path("blackbox", dataset=name, seed=seed), handed)
            for name in settings.blackbox
            for seed in settings.seeds
        ]
        poisoned = [
            read_rows(
                self.files.path("poisoning", dataset=name, seed=seed),
                study.poison.rows if len(self.data[name].classes) > 1 else 0,
            )
            for name in settings.poison
            for seed in settings.seeds
        ]
        return {
            "attacks": _concatenated(attacks),
            "staircase": _concatenated(curves),
            "blackbox": _concatenated(boxes),
            "poisoning": _concatenated(poisoned),
            "onepoint": self._once("onepoint", pairs * ONEPOINT_METHODS),
        }

    def _once(self, table: str, count: int) -> pd.DataFrame:
        """A table of an experiment with points of its own; without rows where it was left out."""
        schema = SCHEMA.tables[f"bilevel_{table}"]
        if schema.stage in self.study.left_out():
            return pd.DataFrame(columns=list(schema.columns))
        return read_rows(self.files.path(table), count)

    def _certified_gammas(self, name: str, count: int) -> list[float]:
        """The gammas that bilevel_certify takes."""
        path = self.paths[name]
        rows = path.spread_rows(count, self.study.certify.max_clusters)
        return [float(path.gammas[row]) for row in rows]

    def _check_intervals(self, path: Path, frame: pd.DataFrame, name: str) -> None:
        complete = len(self.data[name].points) <= self.study.certify.complete_up_to
        graphs = ("knn", "unit", "gaussian") if complete else ("knn",)
        bounds = ("sun_toh_yuan", "electrical", "reweighted")
        check_rows(path, frame[frame["bound"] != "true"], weights=graphs, bound=bounds)
        # Of a complete graph no true interval is known where nothing is certified.
        best = frame[frame["bound"] == "reweighted"].set_index("weights")
        sure = [each for each in graphs if each == "knn" or best["low"][each] < best["high"][each]]
        check_rows(path, frame[frame["bound"] == "true"], weights=sure)

    def _check_sandwich(self, path: Path, frame: pd.DataFrame, name: str) -> None:
        certify = self.study.certify
        gammas = self._certified_gammas(name, certify.gammas)
        kinds: dict[str, tuple[str, ...]] = {
            "certified": certify.methods,
            "attacked": certify.attacks,
            "unchanged": certify.attacks,
        }
        for kind, methods in kinds.items():
            part = frame[frame["kind"] == kind]
            frozen = part[part["weights"] != REBUILT]
            check_rows(path, frozen, gamma=gammas, weights=WEIGHTS, method=methods)
            if certify.rebuilt and kind != "certified":
                gamma = [self.paths[name].gamma]
                anew = part[part["weights"] == REBUILT]
                check_rows(path, anew, gamma=gamma, weights=[REBUILT], method=methods)

    def _check_trials(self, path: Path, frame: pd.DataFrame, name: str) -> None:
        certify = self.study.certify
        methods = {*certify.tried, "noise"}
        sizes = read_csv(self.files.path("sandwich", dataset=name))
        sizes = sizes[sizes["kind"] == "certified"]
        largest = sizes.sort_values("epsilon").drop_duplicates(["gamma", "weights"], keep="last")
        cells = zip(largest["gamma"], largest["weights"], largest["epsilon"], strict=True)
        for gamma, weights, size in cells:
            here = (frame["gamma"] == gamma) & (frame["weights"] == weights)
            part = frame[here & (frame["method"] != WORST)]
            # Where nothing is certified nothing is tried.
            shares = certify.shares if 0 < size < math.inf else ()
            check_rows(path, part, share=shares, method=sorted(methods))

    def _check_calmness(self, path: Path, frame: pd.DataFrame, name: str) -> None:
        directions = sorted({"noise", "merge", *frame["direction"]})
        sizes = self.study.certify.calmness
        check_rows(path, frame, sizes, weights=WEIGHTS, direction=directions)

    def _check_defence(self, path: Path, frame: pd.DataFrame, name: str) -> None:
        defence, parameter = self.study.certify.defence, frame["parameter"]
        gammas = self._certified_gammas(name, defence.gammas)
        wanted = {"gamma": gammas, "phi": defence.phis, "n_neighbors": defence.n_neighbors}
        for key, values in wanted.items():
            check_rows(path, frame[parameter == key], value=map(float, values))


def _concatenated(frames: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0]
