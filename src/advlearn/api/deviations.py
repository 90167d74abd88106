"""Deviations of logits for numpy arrays and tensors: (logits (n, k), labels (n,)) -> (n,)."""

from __future__ import annotations

from advlearn.api.arrays import on_arrays
from advlearn.deviations import logits

cross_entropy = on_arrays(logits.cross_entropy)
margin = on_arrays(logits.margin)
negative_margin = on_arrays(logits.negative_margin)
dlr = on_arrays(logits.dlr)
targeted_dlr = on_arrays(logits.targeted_dlr)
