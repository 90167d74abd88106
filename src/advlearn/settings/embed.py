"""Settings of the stage ``embed``: how adversarial images become points that a clusterer sees."""

from __future__ import annotations

from functools import partial
from math import ceil, floor
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from advlearn.settings.base import Settings, check_plain_names, plain_values
from advlearn.support.errors import UserError, unknown_name
from advlearn.support.own import FUNCTION, registered

#: Known reductions: identity (flattened pixels), principal components, t-SNE.
REDUCTIONS = ("none", "pca", "tsne")


class TsneSettings(Settings):
    """t-SNE by openTSNE on the first principal components."""

    perplexity: float = Field(
        30.0, ge=1, le=1000, description="effective number of neighbours; 3 x perplexity < images"
    )
    initial_pca: int = Field(
        50, ge=2, le=1000, description="principal components that t-SNE starts from, not pixels"
    )
    early_exaggeration: float = Field(
        12.0, ge=1, le=100, description="factor on the attraction in the first iterations"
    )
    early_exaggeration_iter: int = Field(
        250, ge=0, le=10_000, description="iterations with early exaggeration"
    )
    n_iter: int = Field(400, ge=1, le=100_000, description="iterations after early exaggeration")
    learning_rate: Literal["auto"] | Annotated[float, Field(gt=0)] = Field(
        "auto", description="'auto' = images / exaggeration, or a number above 0"
    )
    threads: int = Field(
        1,
        ge=1,
        le=256,
        description="threads; a job of more waits until as many cores are free at once",
    )


class OwnReduction(Settings):
    """A reduction of one's own: a function in an importable module (docs/own-reduction.md)."""

    function: Annotated[str, BeforeValidator(partial(registered, kind="reductions"))] = Field(
        pattern=FUNCTION,
        description="package.module:function, or a name that an installed package registers",
    )
    settings: Annotated[dict[str, Any], BeforeValidator(plain_values)] = Field(
        {}, description="handed to the function"
    )


class EmbedSettings(Settings):
    """Reduction of the images; ``none`` needs no settings."""

    n_components: int = Field(2, ge=1, le=3, description="dimensions of pca and tsne")
    pca_threads: int = Field(
        1, ge=1, le=256, description="threads of the principal components; fixes the last digits"
    )
    tsne: TsneSettings = Field(TsneSettings(), description="settings of the reduction tsne")
    own: dict[str, OwnReduction] = Field({}, description="reductions of one's own, by name")

    @field_validator("own")
    @classmethod
    def _names(cls, own: dict[str, OwnReduction]) -> dict[str, OwnReduction]:
        for name in own:
            if name in REDUCTIONS:
                raise ValueError(f"the name {name!r} is taken")
        return check_plain_names(own, "reduction")

    def known(self) -> list[str]:
        """Names of all reductions, one's own included."""
        return [*REDUCTIONS, *self.own]

    def json_for(self, reduction: str) -> str:
        """The JSON that a job of ``reduction`` needs: what cannot change its result is left out.

        Raises:
            UserError: no reduction has this name.
        """
        fields: dict[str, set[str]] = {
            "none": set(),
            "pca": {"n_components", "pca_threads"},
            "tsne": {"n_components", "tsne"},
        }
        if reduction in self.own:
            return self.model_dump_json(include={"own": {reduction}})
        if reduction not in fields:
            raise unknown_name(
                "reduction", reduction, self.known(), where="configuration key 'selective.grid'"
            )
        return self.model_dump_json(include=fields[reduction])

    def check_images(self, reduction: str, n_images: int, n_pixels: int | None = None) -> None:
        """Refuse settings that ``n_images`` images cannot satisfy, before any job starts.

        Args:
            reduction: its name; those of one's own are not looked at.
            n_images: images that are reduced.
            n_pixels: numbers in an image, where known.

        Raises:
            UserError: the perplexity of tsne needs more images, or there are more components than
                images or pixels.
        """
        if reduction in self.own:
            return
        most = min(n_images, n_images if n_pixels is None else n_pixels)
        if reduction != "none" and self.n_components > most:
            thing = "images" if most == n_images else "pixels in an image"
            raise UserError(
                f"{self.n_components} components are asked for, there are {most} {thing}",
                where="configuration key 'selective.embed.n_components',"
                f" value {self.n_components}",
                remedy=f"set it to at most {most}",
            )
        perplexity = self.tsne.perplexity
        if reduction == "tsne" and 3 * perplexity > n_images - 1:
            raise UserError(
                f"a perplexity of {perplexity:g} needs at least {ceil(3 * perplexity) + 1} images,"
                f" there are {n_images}",
                where=f"configuration key 'selective.embed.tsne.perplexity', value {perplexity:g}",
                remedy=f"set it to at most {floor((n_images - 1) / 3)}, or use more images",
            )
