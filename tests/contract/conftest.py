"""Shared by the contract tests: the rules of the workflow, read as data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from snakemake.api import OutputSettings, ResourceSettings, SnakemakeApi
from snakemake.settings.types import ConfigSettings, Quietness

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def rules() -> Iterator[dict[str, Any]]:
    """Snakemake's own objects by the names of the rules."""
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[ROOT / "config" / "smoke.yaml"]),
            snakefile=ROOT / "Snakefile",
            workdir=ROOT,
        )._workflow
        yield {rule.name: rule for rule in workflow.rules}
