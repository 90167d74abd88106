"""Other processors, as far as this one can act as them: fewer instructions, other sums.

    python -m tests.processors [ARGUMENTS OF PYTEST]

runs the tests of everything that computes (or those that the arguments name) once for each of them.
A library that picks its kernels when it starts rounds sums in another order on another processor;
the variables here make it pick those of an older one, or of one with wider registers.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
COMPUTES = tuple(
    f"tests/unit/{name}"
    for name in (
        "attacks", "budgets", "certificates", "deviations", "embeddings", "learners", "metrics",
        "problem", "selection", "studies", "training",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Processor:
    """What makes the libraries compute as on this processor.

    Attributes:
        aten: of torch's own kernels.
        onednn: of torch's convolutions; none leaves the choice to the library.
        mkl: of torch's matrix products. On AMD only COMPATIBLE makes a difference.
        openblas: of the matrix products of numpy and scipy.
        numpy: what numpy may use beyond what it always uses; this processor must have it.
    """

    aten: str
    onednn: str | None
    mkl: str
    openblas: str
    numpy: tuple[str, ...]

    @property
    def here(self) -> bool:
        """This processor has the instructions."""
        return X86 and set(self.numpy) <= set(FOUND)

    def environment(self) -> dict[str, str]:
        """The variables that its libraries read when they start."""
        variables = {
            "ATEN_CPU_CAPABILITY": self.aten,
            "ONEDNN_MAX_CPU_ISA": self.onednn,
            "MKL_CBWR": self.mkl,
            "OPENBLAS_CORETYPE": self.openblas,
            "NPY_DISABLE_CPU_FEATURES": " ".join(n for n in FOUND if n not in self.numpy),
        }
        return {name: value for name, value in variables.items() if value}


X86 = platform.machine().lower() in {"x86_64", "amd64"}
FOUND: list[str] = np.show_config("dicts")["SIMD Extensions"].get("found", [])
"""Instructions of this processor beyond those that numpy always uses, in numpy's words."""

PROCESSORS = {
    "sse4": Processor("default", "SSE41", "COMPATIBLE", "Nehalem", ()),
    "avx2": Processor("avx2", "AVX2", "AVX2", "Haswell", ("X86_V3",)),
    "avx512": Processor("avx512", None, "AVX512", "SkylakeX", ("X86_V3", "X86_V4")),
}
HERE = [name for name, processor in PROCESSORS.items() if processor.here]


def run(name: str, *command: str, shown: bool = False) -> subprocess.CompletedProcess[str]:
    """Run Python as on a processor; what an outer pytest has set does not reach an inner one.

    Args:
        name: of the processor.
        command: arguments of Python.
        shown: print what it prints, instead of keeping it.
    """
    given = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    # Threads cost more than they bring on arrays this small, most of all beside other tests.
    given["OMP_NUM_THREADS"] = "1"
    given["PYTHONPATH"] = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=given | PROCESSORS[name].environment(),
        stdout=None if shown else subprocess.PIPE,
        stderr=None if shown else subprocess.STDOUT,
        text=True,
        check=False,
    )


def main(arguments: Sequence[str]) -> int:
    """Command line; status 1 when tests failed on one of the processors."""
    if not HERE:
        print("this processor can act as no other: its tests are those of `make test`")
    failed = []
    for name in HERE:
        print(f"as on {name}: {PROCESSORS[name].environment()}", flush=True)
        told = ("-m", "pytest", "-q", "-p", "no:cacheprovider", *(arguments or COMPUTES))
        done = run(name, *told, shown=True)
        failed += [name] if done.returncode else []
    print(f"failed: {', '.join(failed) or 'none'} of {', '.join(HERE) or 'none'}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
