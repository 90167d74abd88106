"""Stage ``select``: clusters to the image sets that models are retrained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from advlearn.selection import rules
from advlearn.selection.own import Candidates, choose_images
from advlearn.settings.cluster import NO_CLUSTERING, SettingName, setting_name
from advlearn.studies.selective.cell import Cell, write_cells
from advlearn.studies.selective.settings.select import SelectSettings
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_npy, read_parquet, write_npz
from advlearn.support.seeds import derive_seed


@dataclass(frozen=True)
class _Images:
    """What the rules know of the training images, each array (n,)."""

    labels: np.ndarray
    loss: np.ndarray
    margin: np.ndarray


@dataclass
class _Selection:
    """Cells and, by digest, their image sets."""

    cells: list[Cell] = field(default_factory=list)
    sets: dict[str, np.ndarray] = field(default_factory=dict)


def select(
    *,
    outcomes: Annotated[Path, typer.Option(help="outcomes.parquet of the stage craft")],
    settings: Annotated[
        SelectSettings, typer.Option(parser=SelectSettings.from_json, help="settings as JSON")
    ],
    seed: Annotated[int, typer.Option(help="seed of the run")],
    out: Annotated[Path, typer.Option(help="cells, .csv; a .npz of positions is put beside it")],
    clusters: Annotated[
        list[Path] | None,
        typer.Option(
            help="labels of one clusterer, .parquet named after it, its .csv of sizes beside it;"
            " may be repeated"
        ),
    ] = None,
    embedding: Annotated[
        Path | None,
        typer.Option(help="points (n, d) that were clustered, .npy; for nearest and own rules"),
    ] = None,
    include_single: Annotated[
        bool, typer.Option(help="also the cells without clustering: all, none, classic")
    ] = False,
) -> None:
    """Choose the images that models are retrained on.

    ``out`` has the columns of `Cell`; a ``subset`` row is the control of the cell with the digest
    ``control_of``. The .npz beside it holds, by digest, sorted int32 positions in the training
    split. Cells with the same images have the same digest. ``none`` is the digest of the empty
    set; ``classic``, the model that is not retrained, has no entry.

    The rule ``nearest`` and those of the user's own choose images, of any cluster; the cell has no
    number of a cluster.

    Raises:
        UserError: clusters that do not belong to the outcomes, a cluster of zero images, or a
            class missing from a chosen cluster where ``missing_class`` is ``error``; a rule that
            needs the embedding and has none; a rule of one's own that returns no positions.
    """
    images = _read_images(outcomes)
    by_place = [rule for rule in settings.rules if rule == "nearest" or rule in settings.own]
    points = _read_points(embedding, len(images.labels), by_place[0]) if by_place else None
    selection = _Selection()
    for path in clusters or []:
        for setting, labels in _read_clusters(path, len(images.labels)).items():
            _add_setting(selection, path.stem, setting, labels, images, points, settings, seed)
    if include_single:
        _add_baselines(selection, images)
    if not selection.cells:
        raise UserError(
            "nothing is selected",
            where="options --clusters and --include-single",
            remedy="give clusters, or ask for the cells without clustering",
        )
    write_npz(out.with_suffix(".npz"), dict(sorted(selection.sets.items())))
    write_cells(out, selection.cells)


def _read_images(path: Path) -> _Images:
    frame = read_parquet(path)
    wanted = ["split", "position", "label", "loss", "margin"]
    absent = [name for name in wanted if name not in frame]
    if absent:
        raise UserError(
            f"the outcomes have no column {', '.join(absent)}",
            where=str(path),
            remedy="run the stage craft again",
        )
    train = frame.loc[frame["split"] == "train", wanted].sort_values("position")
    if not len(train) or not np.array_equal(train["position"], np.arange(len(train))):
        raise UserError(
            "the outcomes do not name each training image once",
            where=f"{path}, column position, rows with split train",
            remedy="run the stage craft again",
        )
    if not np.isfinite(train[["loss", "margin"]].to_numpy(dtype=np.float64)).all():
        raise UserError(
            "a loss or a margin is NaN or infinite",
            where=f"{path}, columns loss and margin, rows with split train",
            remedy="pretrain again with a smaller learning rate, then craft again",
        )
    return _Images(
        train["label"].to_numpy(dtype=np.int64),
        train["loss"].to_numpy(dtype=np.float64),
        train["margin"].to_numpy(dtype=np.float64),
    )


def _read_clusters(path: Path, n_images: int) -> dict[SettingName, np.ndarray]:
    frame = read_parquet(path)
    if len(frame) != n_images:
        raise UserError(
            f"{len(frame)} images are clustered, but {n_images} were attacked",
            where=str(path),
            remedy="run the stages embed and cluster again on the same training split",
        )
    asked = _with_fixed_number(path.with_suffix(".csv"))
    clusters = {}
    for name in frame:
        labels = frame[name].to_numpy()
        if not np.issubdtype(labels.dtype, np.integer):
            raise UserError(
                f"clusters are whole numbers, column {name} is of type {labels.dtype}",
                where=str(path),
                remedy="run the stage cluster again",
            )
        clusters[SettingName.of(str(name), asked.get(str(name)))] = labels
    return clusters


def _read_points(path: Path | None, n_images: int, rule: str) -> np.ndarray:
    if path is None:
        raise UserError(
            f"the rule {rule} needs the points that were clustered",
            where="configuration key 'selective.select.rules', option --embedding",
            remedy="give the .npy of the stage embed, or leave the rule out",
        )
    points = read_npy(path, mmap=True)
    if len(points) != n_images or not np.isfinite(points).all():
        raise UserError(
            f"{len(points)} points for {n_images} images, or points that are not finite",
            where=str(path),
            remedy="run the stages embed, cluster and select again on the same training split",
        )
    return points


def _with_fixed_number(path: Path) -> dict[str, int]:
    """The settings that fix a number of clusters, from the sizes beside the labels."""
    sizes = (
        read_csv(path, dtype={"setting": str, "n_clusters": "Int64"}) if path.is_file() else None
    )
    if sizes is None or "n_clusters" not in sizes:
        raise UserError(
            "the sizes of the clusters are missing, or say no number of clusters",
            where=str(path),
            remedy="run the stage cluster again",
        )
    known = sizes.dropna(subset=["n_clusters"])
    return {name: int(n) for name, n in zip(known["setting"], known["n_clusters"], strict=True)}


def _add_setting(
    selection: _Selection,
    clusterer: str,
    setting: SettingName,
    labels: np.ndarray,
    images: _Images,
    points: np.ndarray | None,
    settings: SelectSettings,
    seed: int,
) -> None:
    """Add the cells of one setting: those of its rules, then their controls of equal size."""
    _check_clusters(clusterer, setting, labels)
    controlled: dict[str, int | None] = {}
    for rule in settings.rules:
        if not _rule_applies(rule, setting, labels, settings):
            continue
        for number, positions in _chosen(
            rule,
            labels,
            images,
            points,
            settings,
            derive_seed(seed, "select", clusterer, setting, rule),
        ):
            missing = rules.missing_classes(positions, images.labels)
            if missing and settings.missing_class == "error":
                which = "the selection" if number is None else f"cluster {number}"
                raise UserError(
                    f"{clusterer}, setting {setting}: {which}, chosen by {rule}, has no"
                    f" image of class {', '.join(map(str, missing))}",
                    where="configuration key 'selective.select.missing_class', value 'error'",
                    remedy="set it to 'record', or ask for fewer clusters",
                )
            cell = Cell(
                clusterer,
                setting,
                rule,
                number,
                len(positions),
                len(missing),
                rules.index_set_digest(positions),
            )
            selection.cells.append(cell)
            selection.sets[cell.digest] = positions
            controlled.setdefault(cell.digest, number)
    if settings.subset_control:
        for digest, number in controlled.items():
            _add_subset(selection, clusterer, setting, number, digest, images, seed)


def _chosen(
    rule: str,
    labels: np.ndarray,
    images: _Images,
    points: np.ndarray | None,
    settings: SelectSettings,
    seed: int,
) -> Iterator[tuple[int | None, np.ndarray]]:
    """The sets that a rule chooses: the number of the cluster, if it is one, and its images."""
    if rule == "nearest":
        assert points is not None  # read where the rule is asked for
        positions = rules.nearest_to_centres(points, labels, settings.nearest_share)
        if len(positions):
            yield None, positions
        return
    if rule in settings.own:
        assert points is not None
        own = settings.own[rule]
        seen = Candidates(labels, images.labels, images.loss, images.margin, points)
        where = f"configuration key 'selective.select.own.{rule}', function {own.function!r}"
        positions = choose_images(own.function, seen, own.settings, seed, where)
        if len(positions):
            yield None, positions
        return
    for number in rules.choose_clusters(rule, labels, images.loss, images.margin, seed):
        yield number, rules.members(labels, number)


def _rule_applies(
    rule: str, setting: SettingName, labels: np.ndarray, settings: SelectSettings
) -> bool:
    if rule == "random":
        return True
    asked = setting.n_clusters
    if rule == "every":
        n_clusters = len(rules.clusters_of(labels))
        found = asked is None and n_clusters <= settings.every_found
        return found or n_clusters in settings.every_n_clusters
    if rule == "nearest":
        return asked in settings.nearest_n_clusters
    return settings.rule_found if asked is None else asked in settings.rule_n_clusters


def _check_clusters(clusterer: str, setting: SettingName, labels: np.ndarray) -> None:
    numbers = rules.clusters_of(labels)
    # A setting that fixes its number promises that many; otherwise the numbers must have no gap.
    expected = setting.n_clusters or (int(numbers[-1]) + 1 if len(numbers) else 1)
    empty = np.setdiff1d(np.arange(expected), numbers)
    if len(empty):
        raise UserError(
            f"{clusterer}, setting {setting}: cluster {int(empty[0])} has zero images",
            where=f"labels of {clusterer}, column {setting!r}",
            remedy="ask for fewer clusters, or take the setting out of the configuration",
        )


def _add_subset(
    selection: _Selection,
    clusterer: str,
    setting: SettingName,
    number: int | None,
    digest: str,
    images: _Images,
    seed: int,
) -> None:
    size = len(selection.sets[digest])
    # By the image set, not by the setting: cells with the same images share one control too.
    positions = rules.random_subset(
        len(images.labels), size, derive_seed(seed, "select", "subset", digest)
    )
    cell = Cell(
        clusterer,
        setting,
        "subset",
        number,
        size,
        len(rules.missing_classes(positions, images.labels)),
        rules.index_set_digest(positions),
        control_of=digest,
    )
    selection.cells.append(cell)
    selection.sets[cell.digest] = positions


def _add_baselines(selection: _Selection, images: _Images) -> None:
    """Add all images, no adversarial images, and the model left as it is."""
    everything = np.arange(len(images.labels), dtype=np.int32)
    nothing = everything[:0]
    n_classes = len(np.unique(images.labels))
    one = setting_name(n_clusters=1)
    for rule, positions, missing in (("all", everything, 0), ("none", nothing, n_classes)):
        name = rules.index_set_digest(positions)
        selection.cells.append(Cell(NO_CLUSTERING, one, rule, 0, len(positions), missing, name))
        selection.sets[name] = positions
    selection.cells.append(Cell(NO_CLUSTERING, one, "classic", 0, 0, n_classes, rules.CLASSIC))
