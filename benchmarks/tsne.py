"""t-SNE of adversarial images: openTSNE on principal components, against scikit-learn on pixels.

Both maps are judged by their trustworthiness (Venna & Kaski 2001; 12 neighbours) in pixel space,
on the same sample of images. The images are the ``train.npy`` of the stage craft.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.manifold import TSNE, trustworthiness

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
                **common.machine("openTSNE", "scikit-learn", "numpy"),
            }
        ],
        options.out,
    )


def load(path: Path | None, n: int) -> np.ndarray:
    """The first ``n`` images (n, d) float32 of ``path``, or of the digits of scikit-learn."""
    if path is None:
        from sklearn.datasets import load_digits

        return np.asarray(load_digits().data[:n] / 16, dtype=np.float32)
    images = np.load(path, mmap_mode="r", allow_pickle=False)[:n]
    return np.ascontiguousarray(images.reshape(len(images), -1), dtype=np.float32)


if __name__ == "__main__":
    main()
