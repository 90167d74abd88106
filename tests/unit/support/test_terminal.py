"""Output that the encoding of the terminal lacks, and readers that stop reading."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HOSTILE = "−0.5 ± 1 × 2 ≤ ü 猫 🐈 \udcff \x00"
PRINTS = (
    "import sys\n"
    "from advlearn.support.terminal import terminal\n"
    "with terminal():\n"
    f"    print({HOSTILE!a})\n"
    f"    print({HOSTILE!a}, file=sys.stderr)\n"
)
LOCALES = [
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "ascii:strict"},
    {"LANG": "C", "PYTHONUTF8": "0"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "utf-8"},
]


def ran(
    *arguments: str, locale: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**environment, **(locale or {})},
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run whose summary has minus signs."""
    (tmp_path / "report.html").touch()
    (tmp_path / "tidy").symlink_to(ROOT / "results/reference/tidy")
    return tmp_path


@pytest.mark.parametrize("locale", LOCALES, ids=str)
def test_every_text_prints_on_both_streams(locale: dict[str, str]) -> None:
    done = ran("-c", PRINTS, locale=locale)
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr
    assert re.search(rb"^(\xe2\x88\x92|-)0\.5 ", done.stdout)


def test_a_plain_counterpart_stands_for_what_the_encoding_lacks() -> None:
    done = ran("-c", PRINTS, locale={"PYTHONIOENCODING": "latin-1"})
    assert done.stdout == b"-0.5 \xb1 1 \xd7 2 <= \xfc ? ? ? \x00\n"


@pytest.mark.parametrize("locale", LOCALES[:1] + LOCALES[-2:-1], ids=str)
def test_the_summary_of_a_run_prints_in_any_locale(run: Path, locale: dict[str, str]) -> None:
    done = ran("-m", "advlearn", "summary", "--run", str(run), locale=locale)
    assert done.returncode == 0, done.stderr
    assert b"Report:  " in done.stdout
    assert not done.stderr


def test_an_error_prints_in_any_locale() -> None:
    done = ran("-m", "advlearn", "−猫", locale={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert b"unknown stage '-?'" in done.stderr


@pytest.mark.parametrize("lines", [1, 100_000], ids=["at the end", "meanwhile"])
def test_a_reader_that_has_gone_ends_the_command_quietly(lines: int) -> None:
    code = PRINTS.replace("    print(", f"    print({lines} * ", 1)
    command = [sys.executable, "-c", code]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, cwd=ROOT)
    os.close(writer)
    assert done.returncode == 1
    assert not done.stderr.replace(HOSTILE.encode("utf-8", "replace") + b"\n", b"")


@pytest.mark.parametrize("options", [[], ["summary", "--help"]], ids=str)
def test_the_command_line_into_a_closed_pipe_ends_quietly(options: list[str]) -> None:
    command = [sys.executable, "-m", "advlearn", *options]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, cwd=ROOT)
    os.close(writer)
    assert done.returncode == 1
    assert not done.stderr


def in_the_locale(code: str) -> list[int]:
    """Lines that read or write text in whatever encoding the locale has."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        named = {one.arg: ast.unparse(one.value) for one in node.keywords}
        modes = [ast.unparse(one) for one in node.args[-1:]] + [named.get("mode", "")]
        text = named.get("text") == "True" or named.get("universal_newlines") == "True"
        file = called.endswith((".read_text", ".write_text")) or (
            (called == "open" or called.endswith(".open"))
            and called
            not in {"os.open", "Image.open", "gzip.open", "tarfile.open", "archive.open"}  # bytes
            and not any("b" in mode and len(mode) < 6 for mode in modes)
        )
        if (text or file) and "encoding" not in named:
            found.append(node.lineno)
    return found


def test_files_and_processes_are_read_as_utf_8_in_any_locale() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ("src", "scripts", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        for line in in_the_locale(path.read_text(encoding="utf-8"))
    ]
    assert not found


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ("path.read_text()", True),
        ("(a / b).write_text(text)", True),
        ("path.open()", True),
        ("open(name, 'w')", True),
        ("subprocess.run(x, text=True)", True),
        ("path.read_text(encoding='utf-8')", False),
        ("path.open('rb')", False),
        ("os.open(path, os.O_RDONLY)", False),
        ("subprocess.run(x, encoding='utf-8')", False),
    ],
)
def test_what_depends_on_the_locale_is_found(code: str, is_found: bool) -> None:
    assert bool(in_the_locale(code)) is is_found
