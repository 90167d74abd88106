"""Stage ``embed``: adversarial training images to points."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advlearn import embeddings
from advlearn.settings.embed import EmbedSettings
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.codedigest import own_function_digest
from advlearn.support.io import read_npy, write_npy
from advlearn.support.seeds import derive_seed


def embed(
    *,
    adversarial: Annotated[Path, typer.Option(help="adversarial training images, .npy")],
    settings: Annotated[
        EmbedSettings, typer.Option(parser=EmbedSettings.from_json, help="settings as JSON")
    ],
    reduction: Annotated[str, typer.Option(help="none, pca, tsne or own")],
    seed: Annotated[int, typer.Option(help="seed of the run")],
    out: Annotated[Path, typer.Option(help="points (n, d) float32, .npy")],
) -> None:
    """Reduce adversarial images to points that a clusterer sees.

    Raises:
        UserError: unknown reduction, unreadable or non-finite images, too few of them.
    """
    own = settings.own.get(reduction)
    parameters = (settings, reduction, own and own_function_digest(own.function), seed)
    checkpoint = Checkpoint(out, __name__, parameters, (adversarial,))
    images = read_npy(adversarial, mmap=True)
    own_seed = derive_seed(seed, "embed", reduction)
    write_npy(out, embeddings.embed(images, reduction, settings, own_seed, checkpoint))
    checkpoint.finish()
