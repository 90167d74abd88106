"""t-SNE of adversarial images: openTSNE on principal components, against scikit-learn on pixels.

Both maps are judged by their trustworthiness (Venna & Kaski 2001; 12 neighbours) in pixel space,
on the same sample of images, and by the Kullback-Leibler divergence from one and the same matrix of
affinities (exact neighbours in pixel space, perplexity 30): what t-SNE minimises, and so whether
fewer iterations left one of them behind. The images are the ``train.npy`` of the stage craft.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from openTSNE import TSNEEmbedding
from openTSNE.affinity import PerplexityBasedNN
from openTSNE.nearest_neighbors import PrecomputedNeighbors
from sklearn.manifold import TSNE, trustworthiness
from sklearn.neighbors import NearestNeighbors

from advlearn.embeddings import embed
from advlearn.settings.embed import EmbedSettings
from benchmarks import common

NEIGHBOURS = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--images", type=Path, help="train.npy of the stage craft; digits of scikit-learn if absent"
    )
    parser.add_argument("--n", type=int, default=60_000, help="images taken, from the first on")
    parser.add_argument("--sample", type=int, default=5_000, help="images judged")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/tsne.csv"))
    options = parser.parse_args()

    images = load(options.images, options.n)
    settings = EmbedSettings.model_validate({"tsne": {"threads": options.threads}})
    timing = common.in_turn(
        lambda: embed(images, "tsne", settings, 0),
        lambda: TSNE(random_state=0, n_jobs=options.threads).fit_transform(images),
        options.rounds,
    )
    rng = np.random.default_rng(0)
    sample = np.sort(rng.choice(len(images), min(options.sample, len(images)), replace=False))
    trust = {
        side: trustworthiness(images[sample], mapped[sample], n_neighbors=NEIGHBOURS)
        for side, mapped in (("ours", timing.ours), ("peer", timing.peer))
    }
    affinities = pixel_affinities(images, settings.tsne.perplexity, options.threads)
    divergence = {
        side: kl_divergence(mapped, affinities)
        for side, mapped in (("ours", timing.ours), ("peer", timing.peer))
    }
    common.write(
        [
            {
                "benchmark": "tsne",
                "case": options.images.parent.name if options.images else "digits",
                "n": len(images),
                "dimensions": images.shape[1],
                "ours_s": timing.ours_s,
                "peer_s": timing.peer_s,
                "ratio": timing.ratio,
                "rounds": timing.rounds,
                "threads": options.threads,
                "sample": len(sample),
                "ours_trustworthiness": trust["ours"],
                "peer_trustworthiness": trust["peer"],
                "difference": trust["ours"] - trust["peer"],
                "ours_divergence": divergence["ours"],
                "peer_divergence": divergence["peer"],
                **common.machine("openTSNE", "scikit-learn", "numpy"),
            }
        ],
        options.out,
    )


def pixel_affinities(images: np.ndarray, perplexity: float, threads: int) -> PerplexityBasedNN:
    search = NearestNeighbors(n_neighbors=int(3 * perplexity), algorithm="brute").fit(images)
    distances, neighbours = search.kneighbors()
    known = PrecomputedNeighbors(neighbours, distances)
    return PerplexityBasedNN(knn_index=known, perplexity=perplexity, n_jobs=threads)


def kl_divergence(mapped: np.ndarray, affinities: PerplexityBasedNN) -> float:
    """KL divergence of a map: openTSNE gives it with an iteration, here one that moves nothing."""
    still = TSNEEmbedding(mapped.astype(np.float64), affinities, negative_gradient_method="fft")
    return float(still.optimize(1, learning_rate=1e-9, momentum=0).kl_divergence)


def load(path: Path | None, n: int) -> np.ndarray:
    """The first ``n`` images (n, d) float32 of ``path``, or of the digits of scikit-learn."""
    if path is None:
        from sklearn.datasets import load_digits

        return np.asarray(load_digits().data[:n] / 16, dtype=np.float32)
    images = np.load(path, mmap_mode="r", allow_pickle=False)[:n]
    return np.ascontiguousarray(images.reshape(len(images), -1), dtype=np.float32)


if __name__ == "__main__":
    main()
