"""Files of the project that stages read besides what rules hand them."""

from __future__ import annotations

from pathlib import Path

from advlearn.support.codedigest import package_root


def project_path(name: str) -> Path:
    """A file of the project: the one in the current folder, else the one beside the package.

    Args:
        name: path inside the project, for example ``config/published``.

    Returns:
        ``name`` itself where it exists or is nowhere, so that messages name it as it was meant.
    """
    beside = package_root().parents[1] / name
    return beside if beside.exists() and not Path(name).exists() else Path(name)
