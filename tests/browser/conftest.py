"""What a headless Chromium sees of a report; skipped where there is none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from advlearn.stages.figures import figures
from advlearn.stages.report import report
from advlearn.support.project import project_path
from tests.helpers.bilevel_run import write_bilevel
from tests.helpers.selective_run import PUBLISHED, write_run
from tests.helpers.topk_run import write_topk

_TOOLS = project_path(".venv-tools/bin/python")
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a small run of all studies. Read only."""
    run = tmp_path_factory.mktemp("browser") / "results" / "small"
    tidy = write_run(run / "tidy", seeds=[0, 1], cluster_numbers=[1, 2])
    write_topk(tidy, seeds=[0], models=["cnn"], methods=["tkmia", "kfool"], images=12, ks=[2])
    write_bilevel(tidy, seeds=[0], datasets=["blobs"], drawn=["blobs"], methods=["merge", "noise"])
    drawn = run / "paper" / "figures"
    figures(tidy=tidy, out=drawn, published=PUBLISHED)
    (run / "run.json").write_text(json.dumps({"machine": {"processor": "a <fast> one"}}))
    out = run / "report.html"
    choices = run / "paper" / "choices.md"
    report(
        tidy=tidy,
        figures=drawn,
        out=out,
        choices=choices,
        published=PUBLISHED,
        record=run / "run.json",
    )
    return out


@pytest.fixture(scope="session")
def seen(page: Path) -> dict[str, Any]:
    """What `look.py` says of the page, by size and colours."""
    return look_at(page)


def look_at(page: Path, *views: str) -> dict[str, Any]:
    """What is seen of a page in some views, all by default.

    Without a browser the test is skipped; on a machine for continuous integration it fails.
    """
    chromium = next(filter(None, map(shutil.which, _NAMES)), "")
    reason = ""
    if not chromium:
        reason = "no Chromium here (on Debian and Ubuntu: apt-get install chromium)"
    elif not _TOOLS.is_file() or subprocess.run([_TOOLS, "-c", "import playwright"]).returncode:
        reason = "no .venv-tools with playwright: run 'make browser-test'"
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    done = subprocess.run(
        [_TOOLS, Path(__file__).with_name("look.py"), page, chromium, *views],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found
