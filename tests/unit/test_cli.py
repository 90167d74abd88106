import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from advlearn import cli
from advlearn.cli import HELPERS, main, stages
from advlearn.support.errors import BudgetViolation


def test_overview_lists_every_stage(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in stages() | HELPERS)


def test_garbage_is_collected_again_once_a_stage_is_imported() -> None:
    with pytest.raises(SystemExit):
        main(["prepare", "--help"])
    assert gc.isenabled()
    with pytest.raises(ModuleNotFoundError):
        cli._function("nosuch")
    assert gc.isenabled()


def test_unknown_stage_gives_the_list_and_status_two(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["trian"])
    assert caught.value.code == 2
    assert "unknown stage 'trian'" in capsys.readouterr().err


@pytest.mark.parametrize("stage", sorted(stages() | HELPERS))
def test_every_stage_explains_its_options(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([stage, "--help"])
    assert caught.value.code == 0
    assert "--" in capsys.readouterr().out


def test_a_backend_of_figures_that_is_unknown_is_nobodys_business() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "advlearn", "figures", "--help"],
        env={**os.environ, "MPLBACKEND": "Qt4Agg"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_user_errors_have_no_traceback(
    tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--dataset", "mnits", "--settings", "{}", "--out", f"{tmp_path}/manifest.json"]
    with pytest.raises(SystemExit) as caught:
        main(["download", *options])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: unknown data set 'mnits'")
    assert "remedy:" in error
    assert "Traceback" not in error


def test_bad_settings_name_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["download", "--dataset", "mnist", "--settings", '{"mirorr": 1}', "--out", "x"])
    assert caught.value.code == 2
    assert "mirorr: unknown key" in capsys.readouterr().err


@pytest.mark.parametrize("form", [["--out", "~/x.json"], ["--out=~/x.json"]])
def test_a_path_may_begin_at_home(
    form: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SystemExit) as caught:
        main(["download", "--dataset", "digits", "--settings", "{}", *form])
    assert not caught.value.code
    assert (tmp_path / "x.json").is_file()


def test_what_is_no_path_at_home_stays_as_it_is() -> None:
    for argument in ("--out=a~b", "a~", "--settings={}", "~nobody-has-this-name/x", "--json"):
        assert cli._at_home(argument) == argument


def test_a_broken_budget_is_an_error_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise BudgetViolation("image 3: 0.6 > 0.5")

    monkeypatch.setattr(cli, "_function", lambda name: broken)
    with pytest.raises(SystemExit) as caught:
        main(["craft"])
    assert caught.value.code == 3
    assert "left its budget: image 3: 0.6 > 0.5" in capsys.readouterr().err


def test_stages_start_without_what_they_may_not_need() -> None:
    """Each of these packages is a second at the start of a job; the report draws."""
    stages = (
        "download", "prepare", "embed", "cluster", "select", "collect", "topk_data",
        "topk_collect", "bilevel_data", "bilevel_path", "bilevel_delta", "bilevel_collect",
        "tables", "record",
    )  # fmt: skip
    code = (
        "import sys; from advlearn import cli\n"
        f"for name in {stages}: cli._function(name)\n"
        "print({'torch', 'sklearn', 'matplotlib', 'scipy.stats', 'cvxpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
