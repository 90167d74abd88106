"""Certificates of convex clustering: for which gamma, and against how large a perturbation."""

from advlearn.certificates.calmness import calmness_bound, calmness_modulus
from advlearn.certificates.exhaustive import exact_radius
from advlearn.certificates.interval import (
    Interval,
    electrical_interval,
    sun_toh_yuan_interval,
    true_interval,
)
from advlearn.certificates.radius import Radius, radius

__all__ = [
    "Interval",
    "Radius",
    "calmness_bound",
    "calmness_modulus",
    "electrical_interval",
    "exact_radius",
    "radius",
    "sun_toh_yuan_interval",
    "true_interval",
]
