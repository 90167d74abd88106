"""Snakemake without its imports: a process that has made them forks for every command.

The imports take a third of the time of a dry run, and the workflow tests make hundreds. A fork does
what ``snakemake`` does from there on; nothing of the package under test is loaded before.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

SCRIPT = Path(sys.executable).with_name("snakemake")


def snakemake(
    arguments: list[str], folder: Path, environment: Mapping[str, str]
) -> tuple[int, str]:
    """Status and output of Snakemake's command line, run in ``folder``."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.NamedTemporaryFile() as output:
        request = {
            "arguments": arguments,
            "folder": str(folder),
            "environment": dict(environment),
            "output": output.name,
        }
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        status = server.stdout.readline()
        assert status, "the process that forks has ended"
        return int(status), output.read().decode(errors="replace")


@cache
def _server() -> subprocess.Popen[str]:
    """The process, started with the first command."""
    server = subprocess.Popen(
        [sys.executable, __file__],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.terminate)
    return server


def serve() -> None:
    """Fork for every line of standard input, and answer with the status at the end of each."""
    import snakemake.cli  # noqa: F401

    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(request)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(request: dict[str, Any]) -> NoReturn:
    """Go on as ``snakemake`` that was started with the request's arguments."""
    from snakemake.cli import main

    status: Any = 1
    try:
        nothing, output = os.open(os.devnull, os.O_RDONLY), os.open(request["output"], os.O_WRONLY)
        for number, stream in enumerate((nothing, output, output)):
            os.dup2(stream, number)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        # As Python would have it: the script's folder, PYTHONPATH, what is installed.
        given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        sys.path[:] = [str(SCRIPT.parent), *filter(None, given), *sys.path[1:]]
        sys.argv[:] = [str(SCRIPT), *request["arguments"]]
        main()
    except SystemExit as error:
        status = error.code or 0
        if not isinstance(status, int):  # as the interpreter does it at its end
            print(status, file=sys.stderr)
            status = 1
    except BaseException:  # noqa: BLE001 (shown, as the interpreter does it)
        traceback.print_exc()
    finally:
        # What a process does at its end: the summary of a failed run is printed there.
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # never back into the loop of the server


if __name__ == "__main__":
    serve()
