"""Numbers as readers see them: true minus signs, digits, intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

ABSENT = "–"


def format_number(value: float, digits: int = 3) -> str:
    """A number with a true minus sign, or a dash where there is none."""
    if pd.isna(value):
        return ABSENT
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def format_exactly(value: float) -> str:
    """A number with all digits of the tidy tables, to be read beside a bound that it misses."""
    return ABSENT if pd.isna(value) else f"{value:.10g}".replace("-", "−")


def format_signed(value: float, digits: int = 3) -> str:
    """A difference with its sign, or a dash where there is none."""
    text = format_number(value, digits)
    return f"+{text}" if not pd.isna(value) and float(f"{value:.{digits}f}") > 0 else text


def format_p(value: float) -> str:
    """A p-value with three digits; one below 0.0005 is said to be below 0.001."""
    return "< 0.001" if value < 0.0005 else format_number(value)


def with_interval(mean: float, low: float, high: float, *, sign: bool = False) -> str:
    """``mean [low, high]``, or the mean alone where there is no interval."""
    shown = format_signed if sign else format_number
    if pd.isna(mean) or pd.isna(low):
        return shown(mean)
    return f"{shown(mean)} [{shown(low)}, {shown(high)}]"


def share_with_interval(mean: float, low: float, high: float) -> str:
    """As `with_interval` for a share, whose upper bound is never shown as zero where it is not."""
    if pd.isna(mean) or pd.isna(low) or float(f"{high:.3f}") or not high:
        return with_interval(mean, low, high)
    bound = format_significant(high, 1)
    return f"{format_number(mean)} [{format_number(low)}, {bound}]"


def plus_minus(mean: float, low: float, high: float, digits: int = 3, *, sign: bool = False) -> str:
    """``mean ± half`` of a symmetric interval, or the mean alone where there is none."""
    shown = format_signed(mean, digits) if sign else format_number(mean, digits)
    return shown if pd.isna(low) else f"{shown} ± {format_number((high - low) / 2, digits)}"


def with_published(cell: str, published: float, digits: int = 3) -> str:
    """The cell followed by the published value in brackets, where the paper has one."""
    return cell if pd.isna(published) else f"{cell} ({format_number(published, digits)})"


def format_significant(value: float, digits: int = 3) -> str:
    """A number with at least ``digits`` significant ones, ``∞`` or a dash."""
    if pd.isna(value):
        return format_number(value)
    if math.isinf(value):
        return "∞"
    if value == 0:
        return "0"
    return format_number(value, max(0, digits - 1 - math.floor(math.log10(abs(value)))))


def significant_interval(mean: float, low: float, high: float) -> str:
    """``mean [low, high]`` with three significant digits, or the mean where there is no interval.

    Sizes, times and counts are not negative: a bound below zero, which a Student-t interval of few
    seeds can have, is shown as 0; the CSV files keep it.
    """
    if pd.isna(mean) or pd.isna(low):
        return format_significant(mean)
    bounds = f"[{format_significant(max(low, 0.0))}, {format_significant(high)}]"
    return f"{format_significant(mean)} {bounds}"


class SeedCount(NamedTuple):
    """How many seeds are behind the rows of a table or the curves of a figure."""

    fewest: int
    most: int

    @property
    def words(self) -> str:
        """``1 seed``, ``5 seeds`` or ``3 to 10 seeds``."""
        several = f"{self.fewest} to " if self.fewest < self.most else ""
        return f"{several}{self.most} seed{'s' if self.most != 1 else ''}"


def seed_count(numbers: Iterable[float]) -> SeedCount:
    """The least and the largest number of seeds; rows of none, 0 or missing, do not count."""
    found = [int(each) for each in numbers if not pd.isna(each) and each > 0]
    return SeedCount(min(found, default=0), max(found, default=0))
