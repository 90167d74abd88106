"""A run of study 2 as its tables and figures read it."""

from __future__ import annotations

from functools import cached_property

import pandas as pd

from advlearn.studies.topk.schema import SCHEMA, TopkRecord
from advlearn.support.errors import UserError
from advlearn.tidy.reader import Tidy


class TopkTidy(Tidy):
    """The tidy folder of study 2."""

    schema = SCHEMA

    @cached_property
    def study(self) -> TopkRecord:
        """The run's name, data, seeds, models and label sets."""
        return self.described(TopkRecord)

    @cached_property
    def models(self) -> list[str]:
        """The models of the run, the primary one first."""
        found = sorted({*self["topk_models"]["model"], *self["topk_metrics"]["model"]})
        return sorted(found, key=lambda name: name != self.study.primary_model)

    def prepared(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        """Outcomes an image are of one preset, which is named in the record."""
        if name != "topk_images":
            return frame
        if "preset" in frame.columns:
            frame = frame[frame["preset"] == self.study.preset]
        return frame.assign(preset=self.study.preset)

    def experiment(self, name: str) -> pd.DataFrame:
        """The rows of ``topk_metrics.csv`` of one experiment except the times.

        Times differ from run to run, and the same run gives the same tables byte for byte.

        Raises:
            UserError: the run has none.
        """
        frame = self["topk_metrics"].query("experiment == @name and metric != 'seconds'")
        if frame.empty:
            raise UserError(
                f"the run has no experiment {name!r}",
                where=f"{self.folder}/topk_metrics.csv",
                remedy="run the attacks of this experiment, then collect again",
            )
        return frame

    def images(self, name: str) -> pd.DataFrame:
        """The rows of ``topk_images.csv`` of one experiment; perhaps none."""
        return self["topk_images"].query("experiment == @name")

    def primary_images(self) -> pd.DataFrame:
        """Rows of ``topk_images.csv`` of the schemes global and random on the primary model.

        Raises:
            UserError: no image was eligible in the whole run.
        """
        images = self["topk_images"].query(
            "experiment in ['global', 'random'] and model == @self.study.primary_model"
        )
        if images.empty:
            raise UserError(
                "no image was eligible for any attack, so there is nothing to show",
                where=f"{self.folder}/topk_images.csv",
                remedy="use a smaller k, fewer specified labels or images with more labels",
            )
        return images
