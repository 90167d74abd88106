"""Settings of the search for the universe of the published numbers, and of its jobs."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Self

from pydantic import Field

from advlearn.settings.base import Seeds, Settings

if TYPE_CHECKING:
    from advlearn.settings.run import RunSettings, Wildcards
    from advlearn.studies.selective.settings.study import SelectiveSettings

MOST_DRAWS = 2**24


class CalibrateSettings(Settings):
    """Which draws are searched, and which of them are measured again, at full length."""

    first: int = Field(0, ge=0, lt=MOST_DRAWS, description="number of the first draw")
    draws: int = Field(
        1500,
        ge=1,
        le=MOST_DRAWS,
        description="draws of the first stage, each two universes, one a protocol; more extend the"
        " search, and what is done is kept",
    )
    block: int = Field(50, ge=1, description="draws of a job")
    epochs: int = Field(
        4, ge=1, description="clean training of the first stage ends after so many at the latest"
    )
    validation_images: int | None = Field(
        2000, ge=1, description="validation images of the first stage; null: all"
    )
    share: float = Field(
        0.1,
        gt=0,
        le=1,
        description="share of the draws, those with the highest likelihood, that the second stage"
        " measures at full length",
    )
    random_finalists: int = Field(
        30, ge=0, description="draws of the rest, at random, that it measures as well"
    )
    finalists_a_job: int = Field(10, ge=1, description="draws of a job of the second stage")
    seeds: Seeds = Field(
        (0, 1, 2, 3, 4), min_length=1, description="seeds of the second stage; the first has one"
    )

    def blocks(self) -> range:
        """Numbers of the blocks; block b holds the draws from ``b * block`` on."""
        end = self.first + self.draws
        return range(self.first // self.block, ceil(end / self.block))

    def draws_of(self, block: int) -> tuple[int, int]:
        """The first draw of a block, and the one after its last."""
        first = max(self.first, block * self.block)
        end = min(self.first + self.draws, (block + 1) * self.block)
        return first, max(first, end)

    def parts(self) -> range:
        """Numbers of the jobs of the second stage."""
        finalists = self.likeliest + self.random_finalists
        return range(ceil(finalists / self.finalists_a_job))

    @property
    def likeliest(self) -> int:
        """Draws that the second stage measures for their likelihood, at most."""
        return ceil(self.share * self.draws)


class CalibrateJob(Settings):
    """A block of draws."""

    first: int
    count: int
    seed: int
    epochs: int
    validation_images: int | None

    @classmethod
    def of(cls, study: SelectiveSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """The draws of the job's block."""
        search = study.search
        first, end = search.draws_of(int(wildcards.block))
        return cls(
            first=first,
            count=end - first,
            seed=search.seeds[0],
            epochs=search.epochs,
            validation_images=search.validation_images,
        )


class FinalistsJob(Settings):
    """How many draws the second stage measures, and the blocks they are chosen from."""

    blocks: tuple[int, ...]
    likeliest: int
    random: int

    @classmethod
    def of(cls, study: SelectiveSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """As the study has them."""
        search = study.search
        return cls(
            blocks=tuple(search.blocks()),
            likeliest=search.likeliest,
            random=search.random_finalists,
        )


class ConfirmJob(Settings):
    """Every ``parts``-th finalist from number ``part`` on."""

    part: int
    parts: int
    seeds: tuple[int, ...]

    @classmethod
    def of(cls, study: SelectiveSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """The finalists of the job's part."""
        search = study.search
        return cls(part=int(wildcards.part), parts=len(search.parts()), seeds=search.seeds)
