"""Certificates of convex clustering: for which gamma, and against how large a perturbation."""

from advlearn.certificates.calmness import bound, modulus
from advlearn.certificates.interval import Interval, electrical, sun_toh_yuan, true_interval
from advlearn.certificates.radius import Radius, radius

__all__ = [
    "Interval",
    "Radius",
    "bound",
    "electrical",
    "modulus",
    "radius",
    "sun_toh_yuan",
    "true_interval",
]
