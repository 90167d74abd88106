"""What ``benchmarks.scaling`` runs besides the program's own stages.

    python -m benchmarks.scaling_cases images --data results/RUN/data --images N --out FOLDER

writes a prepared data set with N training images: the first of MNIST's 60,000 as they are; beyond
them copies that are shifted by up to two pixels, each copy in its own direction, and dimmed by up
to a fifth, image by image.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from advlearn.data import clusterpath, point_sets, store
from advlearn.data.readers import Official

OTHERS = 500
"""Images of the splits that are not what is counted."""

# Clusters of the partition whose radius is certified, at all numbers of points.
FEW = (2, 12)

SHIFTS = [(x, y) for x in range(-2, 3) for y in range(-2, 3) if (x, y) != (0, 0)]


def many(images: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """``count`` images, uint8 (count, c, h, w): those given first, then shifted and dimmed ones."""
    made = np.empty((count, *images.shape[1:]), dtype=np.uint8)
    for copy, start in enumerate(range(0, count, len(images))):
        part = images[: min(len(images), count - start)]
        if copy:
            generator = np.random.default_rng([seed, copy])
            light = generator.uniform(0.8, 1.0, (len(part), 1, 1, 1)).astype(np.float32)
            # The border of these images is black, so that what is pushed out at one side and comes
            # in at the other is black.
            moved = np.roll(part, SHIFTS[(copy - 1) % len(SHIFTS)], axis=(2, 3))
            part = np.rint(moved * light).astype(np.uint8)
        made[start : start + len(part)] = part
    return made


def write_images(data: Path, n: int, test: int, out: Path) -> None:
    """A prepared data set of ``n`` training, ``test`` test and ``OTHERS`` validation images."""
    read = {
        f"{part}_{kind}": np.load(data / f"{part}_{kind}.npy", mmap_mode="r", allow_pickle=False)
        for part in ("train", "test")
        for kind in ("images", "labels")
    }
    counts = {"train": n, "test": test}
    # Validation images are of the official training set; here they stand behind those to train on.
    parts: dict[str, np.ndarray] = {}
    for part, count in counts.items():
        pixels, labels = read[f"{part}_images"], np.asarray(read[f"{part}_labels"])
        made, own = many(pixels, count), np.resize(labels, count)
        if part == "train":
            made = np.concatenate([made, read["test_images"][-OTHERS:]])
            own = np.concatenate([own, read["test_labels"][-OTHERS:]])
        parts |= {f"{part}_images": made, f"{part}_labels": own}
    rows = [("train", np.arange(n), "train"), ("train", np.arange(n, n + OTHERS), "validation")]
    rows.append(("test", np.arange(test), "test"))
    splits = pd.concat(
        [pd.DataFrame({"source": s, "index": index, "split": split}) for s, index, split in rows],
        ignore_index=True,
    )
    info = store.load_info(data)
    values = {**info.__dict__, "n_train": n, "n_validation": OTHERS, "n_test": test}
    official = Official(**parts, class_names=info.class_names)
    store.save_dataset(out / "dataset.json", store.DatasetInfo(**values), official, splits)


def convex(n: int) -> None:
    """Convex clustering of n points of ten clouds in the plane, at one gamma."""
    from advlearn.learners.convex import knn_graph, solve
    from benchmarks.convex import GAP, plane

    points = plane(n)
    solve(points, knn_graph(points), 5.0, tol=GAP)


def certificate(n: int, folder: Path) -> None:
    """The certified radius of the clustering that the preparation ``path`` has chosen."""
    from advlearn.certificates import radius
    from advlearn.learners.convex import Graph

    points = point_sets.read_points(folder / "blobs.npz").points
    path = clusterpath.read_clusterpath(folder / "path.npz", n)
    graph = Graph(n, path.edges, path.weights)
    started = time.process_time()
    found = radius(
        points, path.chosen_labels, graph, path.gamma, weights="recomputed", phi=0.5
    )  # fmt: skip
    clusters = int(path.chosen_labels.max()) + 1
    if not FEW[0] <= clusters <= FEW[1]:
        sys.exit(f"the path of {n} points has no partition in {FEW} clusters: {clusters}")
    print(f"{clusters} clusters, {found}, {time.process_time() - started:.2f} s", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("case", choices=["images", "convex", "certificate"])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--test", type=int, default=OTHERS)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if options.case == "images":
        write_images(options.data, options.images, options.test, options.out)
    elif options.case == "convex":
        convex(options.images)
    else:
        certificate(options.images, options.out)


if __name__ == "__main__":
    main()
