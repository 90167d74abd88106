"""Rules that choose clusters, index sets and their digests: pure functions of arrays.

A cluster number is 0 or more; -1 is noise and never a cluster. Ties go to the smallest number.
Randomness enters only as a seed that the caller derives from names, never from an order.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np

from advlearn.support.errors import UserError, unknown_name

#: Rules that choose among clusters. ``random`` is the paper's.
CLUSTER_RULES = ("random", "largest", "smallest", "highest_loss", "lowest_margin", "every")

#: Digest of the pretrained model, which is not retrained at all.
CLASSIC = "classic"


def clusters_of(labels: np.ndarray) -> np.ndarray:
    """Numbers of the clusters in (n,) ``labels``, rising, noise left out."""
    numbers = np.unique(labels)
    return numbers[numbers >= 0]


def choose_clusters(
    rule: str, labels: np.ndarray, loss: np.ndarray, margin: np.ndarray, seed: int
) -> list[int]:
    """Clusters that ``rule`` chooses.

    Args:
        rule: one of ``CLUSTER_RULES``: a uniformly random cluster, the largest, the smallest, the
            one of the highest mean loss, of the lowest mean margin, or every cluster.
        labels: (n,) cluster of each image, -1 for noise.
        loss: (n,) loss at the adversarial image.
        margin: (n,) margin at the adversarial image.
        seed: used by ``random`` only.

    Returns:
        Cluster numbers: one, or all of them for ``every``; none where all is noise.

    Raises:
        UserError: unknown rule.
    """
    if rule not in CLUSTER_RULES:
        raise unknown_name("rule", rule, list(CLUSTER_RULES), where="key 'selective.select.rules'")
    numbers, inverse, sizes = _without_noise(labels)
    if not len(numbers):
        return []
    if rule == "every":
        return [int(number) for number in numbers]
    inside = labels >= 0
    if rule == "random":
        place = int(np.random.default_rng(seed).integers(len(numbers)))
    elif rule == "largest":
        place = int(np.argmax(sizes))
    elif rule == "smallest":
        place = int(np.argmin(sizes))
    elif rule == "highest_loss":
        place = int(np.argmax(np.bincount(inverse, loss[inside]) / sizes))
    else:
        place = int(np.argmin(np.bincount(inverse, margin[inside]) / sizes))
    return [int(numbers[place])]


def _without_noise(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.unique(labels[labels >= 0], return_inverse=True, return_counts=True)


def members(labels: np.ndarray, cluster: int) -> np.ndarray:
    """Sorted positions (m,) int32 of the images in one cluster."""
    return np.flatnonzero(labels == cluster).astype(np.int32)


def nearest_to_centres(points: np.ndarray, labels: np.ndarray, share: float) -> np.ndarray:
    """Sorted positions (m,) int32 of the images nearest to the centre of their own cluster.

    Of each cluster the same share is kept, rounded up, so that a wide cluster is not left out as a
    whole. A centre is the mean of the cluster's points; of images that are equally far the first is
    nearer. Noise is in no cluster.

    Args:
        points: (n, d) finite points that were clustered.
        labels: (n,) cluster of each point, -1 for noise.
        share: in (0, 1].

    Raises:
        UserError: points and labels differ in number, or the share lies outside (0, 1].
    """
    if points.ndim != 2 or len(points) != len(labels) or not 0 < share <= 1:
        raise UserError(
            "the nearest images need a point for each label, and a share above 0, at most 1",
            where=f"points of shape {points.shape}, {len(labels)} labels, share {share}",
            remedy="give the embedding that was clustered, and a share such as 0.5",
        )
    chosen = [np.empty(0, np.int32)]
    for number in clusters_of(labels):
        own = members(labels, int(number))
        cluster = points[own].astype(np.float64)
        squared = ((cluster - cluster.mean(axis=0)) ** 2).sum(axis=1)
        # 1e-9: a share such as 0.7 of 10 images is 7 of them, whatever 0.7 * 10 rounds to.
        kept = math.ceil(share * len(own) - 1e-9)
        chosen.append(own[np.argsort(squared, kind="stable")[:kept]])
    return np.sort(np.concatenate(chosen))


def random_subset(n_images: int, size: int, seed: int) -> np.ndarray:
    """Sorted positions (size,) int32 of a uniformly random subset of all ``n_images`` images."""
    chosen = np.random.default_rng(seed).choice(n_images, size=size, replace=False)
    return np.sort(chosen).astype(np.int32)


def index_set_digest(positions: np.ndarray) -> str:
    """Name of an index set: BLAKE2b of its sorted positions, 16 hexadecimal digits."""
    content = np.sort(np.asarray(positions)).astype("<i4").tobytes()
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def missing_classes(positions: np.ndarray, classes: np.ndarray) -> list[int]:
    """Classes that occur in (n,) ``classes`` but not at ``positions``, rising."""
    return [int(label) for label in np.setdiff1d(classes, classes[positions])]
