"""Stage bilevel_collect: the tidy tables of study 3."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from advlearn.data import clusterpath
from advlearn.data.tabular import read
from advlearn.deviations.agreement import KINDS, REACHES
from advlearn.deviations.checks import formulas
from advlearn.deviations.moves import moved_points
from advlearn.deviations.partitions import DEVIATIONS
from advlearn.studies.bilevel.settings.attack import WEIGHTS
from advlearn.studies.bilevel.settings.study import BilevelCollectSettings
from advlearn.support.checksums import sha256_of_all
from advlearn.support.choices import answered
from advlearn.support.io import read_csv, write_csv, write_json
from advlearn.support.provenance import versions
from advlearn.support.rows import check_rows, read_rows

TABLES = (
    "formulas moved monotone agreement path trajectories intervals sandwich attacks staircase"
    " calmness blackbox onepoint defence choices"
).split()
"""What is written as bilevel_NAME.csv, besides bilevel_study.json with the checksums of these."""
ONEPOINT_METHODS = 2
"""The attack and the noise beside it."""


def bilevel_collect(
    *,
    run: Annotated[Path, typer.Option(help="folder of the run")],
    choices: Annotated[Path, typer.Option(help="CSV of what the paper leaves open")],
    settings: Annotated[
        BilevelCollectSettings, typer.Option(parser=BilevelCollectSettings.from_json, help="JSON")
    ],
    out: Annotated[Path, typer.Option(help="bilevel_study.json to write, the tables beside it")],
) -> None:
    """Gather all tables of study 3, each with as many rows as the run asks for.

    Raises:
        UserError: a file is missing or damaged, or has not the rows that the run asks for.
    """
    gathered = _Gathered(run / "bilevel", settings)
    study = settings.study.model_dump(mode="json")
    tables = {
        **gathered.delta(),
        **gathered.clusterpaths(),
        **gathered.certificates(),
        **gathered.attacks(),
        "choices": answered(read_csv(choices), {"all": study}),
    }
    for name in TABLES:
        write_csv(out.with_name(f"bilevel_{name}.csv"), tables[name])
    write_json(
        out,
        {
            "run": settings.run,
            "seeds": list(settings.seeds),
            "datasets": {name: gathered.described(name) for name in settings.datasets},
            "settings": study,
            "versions": versions(),
            "files": sha256_of_all(out.with_name(f"bilevel_{name}.csv") for name in TABLES),
        },
    )


class _Gathered:
    """The tables below one folder; each is refused when a row is missing."""

    def __init__(self, folder: Path, settings: BilevelCollectSettings) -> None:
        self.folder, self.settings = folder, settings
        self.study = settings.study
        self.data = {name: read(folder / f"data/{name}.npz") for name in settings.datasets}
        self.paths = {
            name: clusterpath.read(folder / f"path/{name}.npz", len(data.points))
            for name, data in self.data.items()
        }

    def described(self, name: str) -> dict[str, Any]:
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
        return {
            name: read_rows(self.folder / f"delta/{name}.csv", count)
            for name, count in wanted.items()
        }

    def clusterpaths(self) -> dict[str, pd.DataFrame]:
        """Tables of bilevel_path."""
        paths, ways = [], []
        for name in self.settings.datasets:
            n_gammas, n = self.paths[name].labels.shape
            file = self.folder / f"path/{name}.csv"
            paths.append(read_rows(file, n_gammas))
            drawn = n_gammas * n if name in self.settings.trajectories else 0
            ways.append(read_rows(file.with_suffix(".trajectories.csv"), drawn))
        return {"path": _joined(paths), "trajectories": _joined(ways)}

    def certificates(self) -> dict[str, pd.DataFrame]:
        """Tables of bilevel_certify."""
        kinds = {
            "intervals": ("interval", self._check_intervals),
            "sandwich": ("sandwich", self._check_sandwich),
            "calmness": ("calmness", self._check_calmness),
            "defence": ("defence", self._check_defence),
        }
        found = {}
        for table, (file, check) in kinds.items():
            frames = []
            for name in self.settings.certify:
                path = self.folder / f"certify/{name}/{file}.csv"
                frame = read_csv(path)
                check(path, frame, name)
                frames.append(frame)
            found[table] = _joined(frames)
        return found

    def attacks(self) -> dict[str, pd.DataFrame]:
        """Tables of bilevel_attack, bilevel_blackbox and bilevel_onepoint."""
        settings, study = self.settings, self.study
        attack, blackbox, onepoint = study.attack, study.blackbox, study.onepoint
        forms = 1 + len(attack.targets) + len(attack.budgets) * len(attack.taus)
        wanted = len(attack.weights) * len(attack.methods) * forms
        # Every victim is given what was made on the surrogate, on each victim, and noise.
        handed = len(blackbox.victims) * (len(blackbox.surrogates) + len(blackbox.victims) + 1)
        pairs = len(onepoint.pairs) * len(onepoint.victims) * len(onepoint.seeds)
        attacks, curves = [], []
        for name in settings.attack:
            for seed in settings.seeds:
                path = self.folder / f"attack/{name}/seed{seed}.csv"
                attacks.append(read_rows(path, wanted))
                path = path.with_suffix(".staircase.csv")
                curve = read_csv(path)
                directions = sorted({"value", "noise", "merge", "transfer", *curve["direction"]})
                check_rows(
                    path, curve, attack.staircase, direction=directions, deviation=DEVIATIONS
                )
                curves.append(curve)
        boxes = [
            read_rows(self.folder / f"blackbox/{name}/seed{seed}.csv", handed)
            for name in settings.blackbox
            for seed in settings.seeds
        ]
        return {
            "attacks": _joined(attacks),
            "staircase": _joined(curves),
            "blackbox": _joined(boxes),
            "onepoint": read_rows(self.folder / "onepoint.csv", pairs * ONEPOINT_METHODS),
        }

    def _certified_gammas(self, name: str, count: int) -> list[float]:
        """The gammas that bilevel_certify takes."""
        path = self.paths[name]
        rows = path.picked(count, self.study.certify.max_clusters)
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
            check_rows(path, part, gamma=gammas, weights=WEIGHTS, method=methods)

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


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0]
