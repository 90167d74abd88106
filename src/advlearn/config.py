"""The whole configuration, checked before any job starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import Field, ValidationError, create_model
from snakemake.utils import update_config

from advlearn.data.catalogue import check_settings
from advlearn.settings.base import validation_error
from advlearn.settings.run import RunSettings, StudySettings
from advlearn.studies import studies
from advlearn.support.errors import UserError

if TYPE_CHECKING:

    class Config(RunSettings):
        """The whole configuration of a run, with one key a study."""

        def __getattr__(self, name: str) -> Any: ...

else:
    Config = create_model(
        "Config",
        __base__=RunSettings,
        __doc__="The whole configuration of a run.",
        **{
            study.name: (study.load(study.settings), Field(..., description=study.title))
            for study in studies()
        },
    )


def load(values: Mapping[str, Any], where: str) -> Config:
    """Check a configuration as Snakemake hands it over.

    Args:
        values: the merged configuration.
        where: the file or files it came from, for messages.

    Raises:
        UserError: an unknown key, a wrong type or range, or a value that does not fit the data.
    """
    try:
        config = Config.model_validate(dict(values))
    except ValidationError as error:
        raise validation_error(error, where=where, values=values) from error
    check_settings(config.data, config.sources)
    for study in studies():
        settings_of(config, study.name).check(config)
    return config


def complete(values: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Lay values over those of a file, key by key, as Snakemake does with ``--configfile``.

    Args:
        values: any part of a configuration.
        base: the file that has the rest.

    Raises:
        UserError: the file cannot be read.
    """
    whole = read_file(base)
    update_config(whole, values)
    return whole


def settings_of(config: Config, study: str) -> StudySettings:
    """A study's key of the configuration."""
    found: StudySettings = getattr(config, study)
    return found


def removed_names(config: Config, values: Mapping[str, Any]) -> dict[tuple[str, str], list[str]]:
    """Names that the configuration removes by setting them to null, by study and key."""
    found = {}
    for study in studies():
        settings = settings_of(config, study.name)
        for key, given in values[study.name].items():
            kept = getattr(settings, key)
            if isinstance(given, Mapping) and isinstance(kept, Mapping):
                found[study.name, key] = [
                    name for name, value in given.items() if value is None and name not in kept
                ]
    return found


def check_keys(path: Path) -> None:
    """Refuse a configuration file that gives a key twice, of which every reader takes the last.

    Args:
        path: a YAML or JSON file; one that cannot be read is for its reader to refuse.

    Raises:
        UserError: a key is given twice in one place.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        nodes = [("", yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=loader))]
    except (OSError, ValueError, yaml.YAMLError):
        return
    seen = set()
    while nodes:
        place, node = nodes.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += [(f"{place}{number}.", each) for number, each in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode):
            continue
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = f"{place}{key.value}", key.start_mark.line + 1
            if name in lines and key.value != "<<":  # what is merged in gives way
                raise UserError(
                    f"the key {name} is given twice, in the lines {lines[name]} and {line}",
                    where=str(path),
                    remedy="keep one of the two, or put what stands below them together",
                )
            lines[name] = line
            nodes.append((f"{name}.", value))


def load_file(path: Path) -> Config:
    """Read and check one configuration file.

    Raises:
        UserError: no such file, no YAML, a key that is given twice, or not a valid configuration.
    """
    return load(read_file(path), str(path))


def read_file(path: Path) -> dict[str, Any]:
    """Read one configuration file without checking what it says.

    Raises:
        UserError: no such file, no YAML, or no mapping.
    """
    check_keys(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(
            f"cannot read the configuration: {error}",
            where=str(path),
            remedy="give a readable YAML file in UTF-8",
        ) from error
    if not isinstance(values, dict):
        raise UserError(
            "the configuration is no mapping",
            where=str(path),
            remedy="begin from config/config.yaml",
        )
    return values
