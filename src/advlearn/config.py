"""The whole configuration, checked before any job starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import Field, ValidationError, create_model
from snakemake.utils import update_config

from advlearn.data.catalogue import check_settings
from advlearn.data.facts import catalogue_facts
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
        raise validation_error(error, where=where, model=Config, values=values) from error
    check_settings(config.data, config.sources)
    images = catalogue_facts(config.data)
    for study in studies():
        settings_of(config, study.name).check(config, images)
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


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check_keys_once(path: Path) -> None:
    """Refuse a file in which a key is given twice: of the two, YAML's readers keep the last.

    Args:
        path: a configuration file; one that is no YAML is left to whoever reads it.

    Raises:
        UserError: a key is given twice; names both lines.
    """
    try:
        document = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=_LOADER)
    except (OSError, ValueError, yaml.YAMLError):
        return
    twice = sorted(_twice(document), key=lambda found: found[1:])
    if twice:
        raise UserError(
            "; ".join(f"{key} is given twice, in lines {a} and {b}" for key, a, b in twice),
            where=str(path),
            remedy="keep one of them; YAML's readers would keep the last without a word",
        )


def _twice(document: yaml.Node | None) -> Iterator[tuple[str, int, int]]:
    """Key with its path, and both lines, of every key that a mapping has twice."""
    todo: list[tuple[yaml.Node | None, tuple[str, ...]]] = [(document, ())]
    done: set[int] = set()
    while todo:
        node, inside = todo.pop()
        if id(node) in done:
            continue  # an alias
        done.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo += [(item, (*inside, str(number))) for number, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            lines: dict[str, int] = {}
            for key, value in node.value:
                name, line = str(key.value), key.start_mark.line + 1
                if name in lines and name != "<<":  # what is merged in gives way
                    yield ".".join((*inside, name)), lines[name], line
                lines.setdefault(name, line)
                todo.append((value, (*inside, name)))


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
    check_keys_once(path)
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
