"""ImageNet weights of torchvision's residual networks, through the source chain of the data sets.

They are the weights called ``IMAGENET1K_V1``; their digests begin as their file names end.
"""

from __future__ import annotations

from pathlib import Path

from advlearn.data.catalogue import Dataset, RawFile
from advlearn.data.fetch import obtain
from advlearn.settings.data import SourceSettings

_OFFICIAL = "https://download.pytorch.org/models/"
_FILES = {
    "resnet50": (
        "resnet50-0676ba61.pth",
        "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
        102_530_333,
    ),
    "resnet101": (
        "resnet101-63fe2227.pth",
        "63fe2227b86e8f1f2063f43a75c84d195911b6a0eace650907dd3dc62dd49a0a",
        178_793_939,
    ),
}


def imagenet_weights(name: str, settings: SourceSettings, folder: Path) -> Path:
    """Put the weights of a network into ``folder``, verified, and return their path.

    A file that is there already with the right digest is kept.

    Args:
        name: resnet50 or resnet101.
        settings: where the file may come from; ``root`` is another data set's and not looked at.
        folder: created if missing.

    Raises:
        UserError: no source has the file, or the folder cannot be written to.
    """
    dataset = _dataset(name)
    obtain(dataset, settings.model_copy(update={"root": None}), folder)
    return folder / dataset.files[0].name


def _dataset(name: str) -> Dataset:
    file, sha256, size = _FILES[name]
    raw = RawFile(file, "weights", sha256, size, (_OFFICIAL + file,), (), "")
    return Dataset(
        name=name,
        title=f"ImageNet weights of {name}",
        reader="weights",
        n_train=0,
        n_test=0,
        shape=(),
        class_names=(),
        licence="BSD-3-Clause",
        reference="He et al. 2016, arXiv 1512.03385",
        files=(raw,),
    )
