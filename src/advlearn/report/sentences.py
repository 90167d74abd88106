"""Sentences of the report: words in a template of the study, numbers from Python."""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2

from advlearn.report import numbers


class Sentences:
    """The macros of a study's ``sentences.j2``, each a sentence or nothing.

    ``say.certificate(cases=92)`` is the text of ``{% macro certificate(cases) %}``; line breaks
    and runs of blanks in the template are one blank in the text.

    Args:
        package: package beside whose modules the template is.
    """

    def __init__(self, package: str) -> None:
        self._package = package

    def __getattr__(self, name: str) -> Any:
        macro = getattr(_template(self._package), name)

        def say(*given: Any, **named: Any) -> str:
            return " ".join(str(macro(*given, **named)).split())

        return say


@cache
def _template(package: str) -> Any:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package, ""),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters.update(
        number=numbers.format_number,
        signed=numbers.format_signed,
        p=numbers.format_p,
        significant=numbers.format_significant,
        interval=numbers.with_interval,
        significant_interval=numbers.significant_interval,
    )
    return environment.get_template("sentences.j2").module
