"""Stage record: what a run was made with and how long its jobs took."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
import yaml

from advlearn.data.fetch import read_manifest
from advlearn.report.timing import by_stage, read_jobs
from advlearn.support.checksums import sha256_of_all
from advlearn.support.codedigest import package_root
from advlearn.support.io import write_json, write_text
from advlearn.support.jobnotes import read_notes
from advlearn.support.provenance import lock_digest, machine, now, source, versions


def record(
    *,
    run: Annotated[Path, typer.Option(help="folder of the run")],
    config: Annotated[str, typer.Option(help="resolved configuration, JSON")],
    study_seeds: Annotated[str, typer.Option(help="seeds of every study, JSON")],
    digests: Annotated[str, typer.Option(help="code digests of the stages, JSON")],
    lock: Annotated[Path, typer.Option(help="lock file of the environment")],
    out: Annotated[
        Path,
        typer.Option(help="run.json to write, config.yaml beside it; run-STUDY.json of one study"),
    ],
    manifests: Annotated[
        list[Path] | None, typer.Argument(help="manifests of the raw files, if there are any")
    ] = None,
) -> None:
    """Write run.json and the resolved configuration of a run.

    The machine is the one of this job: on a cluster others may have run elsewhere. The devices are
    those on which the jobs up to the tidy tables say that they computed. Of a study that was run
    alone only its own tidy tables and jobs are recorded.
    """
    settings = json.loads(config)
    code = json.loads(digests)
    raw = [read_manifest(manifest) for manifest in manifests or []]
    _, _, study = out.stem.partition("-")
    jobs = [job for job in read_jobs(run / "benchmarks") if job.stage in code]
    # Not of what draws, which may be at work now. A note stays when its result is removed.
    notes = [
        note for note in read_notes(run.name) if note.stage in code and Path(note.output).exists()
    ]
    write_json(
        out,
        {
            "run": settings["run"],
            "recorded": now(),
            "versions": versions(),
            "machine": machine(),
            "source": source(package_root()),
            "lock": lock_digest(lock),
            "code": code,
            "raw": {one.dataset: {file.name: file.sha256 for file in one.files} for one in raw},
            "tidy": sha256_of_all(sorted((run / "tidy").glob(f"{study}_*" if study else "*"))),
            "seeds": settings["seeds"],
            "study_seeds": json.loads(study_seeds),
            "threads": settings["threads"],
            "device": settings["device"],
            # Unknown where no job noted anything, as without Snakemake.
            "devices": dict(sorted(Counter(note.device for note in notes).items())) or None,
            # Not every stage is timed: Snakemake times no job whose result may be cached.
            "stages": {**dict.fromkeys(code), **by_stage(jobs, notes)},
        },
    )
    beside = out.with_name(out.name.replace("run", "config", 1)).with_suffix(".yaml")
    write_text(beside, yaml.safe_dump(settings, sort_keys=False))
