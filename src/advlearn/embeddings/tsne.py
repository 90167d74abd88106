"""t-SNE (van der Maaten & Hinton 2008) by openTSNE: FFT-accelerated (Linderman et al. 2019)."""

from __future__ import annotations

import numpy as np
from openTSNE import TSNE
from openTSNE.nearest_neighbors import PrecomputedNeighbors
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from advlearn.embeddings.pca import principal_components
from advlearn.settings.embed import EmbedSettings, TsneSettings
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.errors import UserError
from advlearn.support.progress import Progress

#: From this many points on, the repulsion by FFT is faster than by Barnes-Hut.
FFT_FROM = 10_000

#: Up to this many points all distances are computed: exact, and at 55,000 points in half the time
#: of the approximate search, whose time grows more slowly.
EXACT_NEIGHBOURS_TO = 100_000

_LINE_EVERY = 50
_STATE = "t-SNE"


def embed(
    points: np.ndarray,
    settings: EmbedSettings,
    seed: int,
    checkpoint: Checkpoint | None = None,
) -> np.ndarray:
    """Map (n, d) points to (n, n_components) by t-SNE on their first principal components.

    Starts from the first components scaled to a standard deviation of 1e-4 (Kobak & Berens 2019),
    so the seed serves only the approximate neighbour search of more than `EXACT_NEIGHBOURS_TO`
    points. The same settings, threads among them, and seed give the same map. With a ``checkpoint``
    a job that was killed searches the neighbours again and resumes at the iteration it was at.

    Raises:
        UserError: too few images or pixels for the perplexity or the components.
    """
    tsne = settings.tsne
    settings.check_images("tsne", len(points))
    if settings.n_components > min(points.shape):
        raise UserError(
            f"a start in {settings.n_components} dimensions needs as many images and pixels",
            where=f"configuration key 'selective.embed.n_components', {len(points)} images of"
            f" {points.shape[1]} pixels",
            remedy=f"set it to at most {min(points.shape)}",
        )
    kept = min(max(tsne.initial_pca, settings.n_components), *points.shape)
    scores = principal_components(points, kept, tsne.threads)
    spread = scores[:, 0].std()
    if spread == 0:
        raise UserError(
            "all images are the same, there is nothing to map",
            where=f"{len(points)} images given to the reduction tsne",
            remedy="check the adversarial images, or use the reduction none",
        )
    with threadpool_limits(tsne.threads):
        mapper = TSNE(
            n_components=settings.n_components,
            perplexity=tsne.perplexity,
            learning_rate=tsne.learning_rate,
            initialization=scores[:, : settings.n_components] / spread * 1e-4,
            # The FFT grid grows with the power of the dimension; openTSNE has it for 1 and 2 only.
            negative_gradient_method=(
                "fft" if len(points) >= FFT_FROM and settings.n_components <= 2 else "bh"
            ),
            neighbors=_neighbours(scores, tsne),
            n_jobs=tsne.threads,
            random_state=seed,
        )
        return _optimised(mapper, scores, tsne, checkpoint or Checkpoint.off())


def _optimised(
    mapper: TSNE, scores: np.ndarray, tsne: TsneSettings, checkpoint: Checkpoint
) -> np.ndarray:
    """What ``mapper.fit(scores)`` does, from the iteration on that the checkpoint is at."""
    early, total = tsne.early_exaggeration_iter, tsne.early_exaggeration_iter + tsne.n_iter
    progress = Progress(f"embed tsne {len(scores)} images", total, "iterations")
    embedding = mapper.prepare_initial(scores)
    optimizer, begin = embedding.optimizer, 0
    if kept := checkpoint.get(_STATE):
        begin = kept["done"]
        embedding[:] = kept["embedding"]
        optimizer.gains, optimizer.update = kept["gains"], kept["update"]
        if begin >= early > 0:
            # The early exaggeration leaves the affinities with these roundings.
            embedding.affinities.P *= tsne.early_exaggeration
            embedding.affinities.P /= tsne.early_exaggeration
    for first, last, exaggeration, momentum in (
        (0, early, tsne.early_exaggeration, mapper.initial_momentum),
        (early, total, None, mapper.final_momentum),
    ):
        start = max(first, begin)

        def line(iteration: int, error: float, now: np.ndarray, start: int = start) -> None:
            # openTSNE calls before it moves the points by this iteration.
            done = start + iteration - 1
            progress.advance(done + 1 - progress.done)
            if checkpoint.due:
                state = {"embedding": now, "gains": optimizer.gains, "update": optimizer.update}
                arrays = {name: np.array(one) for name, one in state.items()}
                checkpoint.put(_STATE, {"done": done, **arrays})

        if start < last:
            embedding.optimize(
                last - start,
                inplace=True,
                exaggeration=exaggeration,
                momentum=momentum,
                callbacks=line,
                callbacks_every_iters=_LINE_EVERY,
            )
    progress.advance(total - progress.done)
    return np.asarray(embedding)


def _neighbours(scores: np.ndarray, tsne: TsneSettings) -> PrecomputedNeighbors | str:
    """Three times the perplexity of neighbours, as openTSNE takes them."""
    if len(scores) > EXACT_NEIGHBOURS_TO:
        return "auto"
    count = min(len(scores) - 1, int(3 * tsne.perplexity))
    search = NearestNeighbors(n_neighbors=count, algorithm="brute")
    distances, neighbours = search.fit(scores).kneighbors()
    return PrecomputedNeighbors(neighbours, distances)
