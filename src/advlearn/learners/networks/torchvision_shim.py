"""A torchvision whose compiled operators do not load, made usable for models and transforms.

PyPI's torchvision for Linux is linked against CUDA. Beside a CPU-only torch of the same version its
library cannot be loaded, and ``import torchvision`` stops at operators that were never declared.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def torchvision_module(name: str) -> ModuleType:
    """Import ``torchvision.NAME``, for example ``models``.

    Where the compiled library does not load, the operators that the import asks for are declared
    first, without implementation. Where it loads, this is a plain import.
    """
    _declare_missing()
    return import_module(f"torchvision.{name}")


@cache
def _declare_missing() -> torch.library.Library | None:
    """Declare what is missing, once; the library must live as long as the process."""
    if _compiled_library_loads():
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        library.define(operator + _SCHEMA)
    return library


def _compiled_library_loads() -> bool:
    spec = find_spec("torchvision")
    places = (spec and spec.submodule_search_locations) or []
    for file in (file for place in places for file in Path(place).glob("_C.*")):
        try:
            torch.ops.load_library(file)
        except OSError:
            continue
        return True
    return False
