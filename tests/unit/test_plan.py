"""What the rules of studies 2 and 3 are given."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import snakemake.utils
import yaml

from advlearn.plan import Plan
from advlearn.studies.bilevel.settings.path import BilevelDataJob, BilevelPathJob
from advlearn.studies.bilevel.settings.study import BilevelCollectJob
from advlearn.studies.topk.settings.jobs import (
    TopkAttackJob,
    TopkCollectSettings,
    TopkDataJob,
    TopkTransferJob,
)
from advlearn.support.errors import UserError
from tests.helpers.configuration import merged

ROOT = Path(__file__).parents[2]
TOPK = "results/smoke/topk"
BILEVEL = "results/smoke/bilevel"


def plan(**changes: Any) -> Plan:
    values: dict[str, Any] = {}
    for file in ("config.yaml", "smoke.yaml"):
        values = merged(values, yaml.safe_load((ROOT / "config" / file).read_text()))
    values = merged(values, {"topk": {"models": {"cnn": {"network": {"name": "cnn"}}}}})
    return Plan(merged(values, changes), [], ROOT / "requirements.txt")


def wildcards(**values: str) -> Any:
    return SimpleNamespace(**values)


def test_only_the_transfer_is_attacked_on_every_model_and_keeps_images() -> None:
    here = plan()
    for job in ("global", "random", "sweeps", "transfer"):
        for model in ("cnn", "resnet"):
            given = wildcards(job=job, model=model)
            if job != "transfer" and model != here.config.topk.primary:
                with pytest.raises(UserError, match="no such job and model") as error:
                    here.topk_attack(given)
                assert "topk.models" in error.value.remedy
                continue
            settings = TopkAttackJob.from_json(here.topk_attack(given))
            assert settings.cells == here.config.topk.cells(job)
            assert settings.keep_images == (job == "transfer")
            assert settings.images == here.config.topk.images


def test_the_resolved_configuration_still_takes_away_what_was_taken_away() -> None:
    base = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    changes = {"models": {"vit": None}, "label_sets": {"loops": None}}
    here = plan(topk=changes)
    again = Plan(merged(base, json.loads(here.resolved())), [], ROOT / "requirements.txt")
    assert again.config == here.config
    assert list(again.config.topk.models) == ["resnet", "cnn"]


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(UserError, match="no such model in this run: vgg"):
        plan().topk_pretrain(wildcards(model="vgg", seed="0"))


def test_the_study_has_its_own_seeds_or_those_of_the_run() -> None:
    assert plan(seeds=[5, 6]).topk_seeds == (0,)
    assert plan(seeds=[5, 6], topk={"seeds": None}).topk_seeds == (5, 6)


def test_collect_asks_for_every_file_it_reads() -> None:
    here = plan(topk={"seeds": [3, 4], "models": {"vit": None}})
    files = here.topk_results()
    assert len(files) == len(set(files))
    primary = here.config.topk.primary
    wanted = {f"{TOPK}/attacks/{primary}/transfer/seed3.npy"}
    for seed in (3, 4):
        wanted.add(f"{TOPK}/transfer/seed{seed}.csv")
        wanted |= {f"{TOPK}/models/{name}/seed{seed}.metrics.csv" for name in ("cnn", "resnet")}
        attacks = [f"{primary}/{job}" for job in ("global", "random", "sweeps")]
        for attack in (*attacks, "cnn/transfer", "resnet/transfer"):
            wanted |= {f"{TOPK}/attacks/{attack}/seed{seed}.{end}" for end in ("parquet", "csv")}
    assert set(files) == wanted
    settings = TopkCollectSettings.from_json(here.topk_collect())
    assert settings.seeds == (3, 4)
    assert {(each.model, each.job) for each in settings.attacks} == {
        tuple(path.split("/")[4:6])
        for path in files
        if "/attacks/" in path and path.endswith("parquet")
    }
    for each in settings.attacks:
        assert each.cells == here.config.topk.cells(each.job)


def test_transfer_asks_for_every_file_of_its_seed() -> None:
    here = plan()
    files = here.topk_transfer_inputs(wildcards(seed="7"))
    models = here.config.topk.models
    wanted = {f"{TOPK}/models/{name}/seed7.safetensors" for name in models}
    for name in models:
        stem = f"{TOPK}/attacks/{name}/transfer/seed7"
        wanted |= {f"{stem}.{end}" for end in ("parquet", "csv", "npy")}
    assert set(files) == wanted
    settings = TopkTransferJob.from_json(here.topk_transfer())
    cells = here.config.topk.cells("transfer")
    assert settings.methods == tuple(cell.attack.method for cell in cells)
    assert {(cell.k, cell.n_specified) for cell in cells} == {(settings.k, settings.n_specified)}
    assert {cell.attack.clean_map for cell in cells} == {settings.clean_map}


def test_memory_follows_the_photos_and_the_batch() -> None:
    resnet = wildcards(model="resnet")
    assert plan().topk_mem_mb(resnet) == 4000
    photos = {"dataset": "voc2012", "photos": {"size": 100}, "label_sets": {"person": [14]}}
    training = {"models": {"resnet": {"training": {"batch_size": 8}}}}
    small, large = (
        plan(topk={**photos, **training, "batch_size": batch}).topk_mem_mb(resnet)
        for batch in (4, 40)
    )
    # The larger of the two batches counts.
    assert large - 2000 == 5 * (small - 2000)


def test_sources_matter_only_to_jobs_that_fetch() -> None:
    """Another mirror must not train a network anew that was never downloaded."""
    mirror = {"sources": {"mirror": "elsewhere"}}
    given = wildcards(model="cnn")
    assert plan().topk_data() == plan(**mirror).topk_data()
    assert plan().topk_sources(given) == plan(**mirror).topk_sources(given)
    models = {
        **dict.fromkeys(("cnn", "resnet", "vit")),
        "big": {"network": {"name": "resnet50"}},
    }
    photos = {"topk": {"dataset": "voc2012", "models": models, "primary": "big"}}
    fetched = plan(**merged(mirror, photos))
    assert TopkDataJob.from_json(fetched.topk_data()).sources.mirror == Path("elsewhere")
    assert json.loads(fetched.topk_sources(wildcards(model="big")))["mirror"] == "elsewhere"


def bilevel(**changes: Any) -> Plan:
    """The smoke run with two further point sets, one of them the user's."""
    more = {"moons": {"name": "moons"}, "mine": {"name": "csv", "path": "tables/mine.csv"}}
    return plan(bilevel=merged({"seeds": [3, 4], "datasets": more}, changes))


def test_collect_of_study_3_asks_for_every_file_it_reads() -> None:
    here = bilevel(experiments={"certify": ["moons"], "attack": ["blobs", "mine"]})
    names = ["blobs", "moons", "mine"]
    files = here.bilevel_results()
    assert len(files) == len(set(files))
    wanted = {f"{BILEVEL}/onepoint.csv"}
    for kind in ("formulas", "moved", "monotone", "agreement"):
        wanted.add(f"{BILEVEL}/delta/{kind}.csv")
    for name in names:
        wanted |= {f"{BILEVEL}/path/{name}.{end}" for end in ("csv", "npz", "trajectories.csv")}
    for kind in ("interval", "sandwich", "calmness", "defence"):
        wanted.add(f"{BILEVEL}/certify/moons/{kind}.csv")
    for seed in (3, 4):
        for name in ("blobs", "mine"):
            wanted |= {
                f"{BILEVEL}/attack/{name}/seed{seed}.{end}" for end in ("csv", "staircase.csv")
            }
        wanted.add(f"{BILEVEL}/blackbox/blobs/seed{seed}.csv")
    assert set(files) == wanted
    assert sorted(here.bilevel_point_sets()) == sorted(f"{BILEVEL}/data/{n}.npz" for n in names)
    settings = BilevelCollectJob.from_json(here.bilevel_collect())
    assert settings.seeds == (3, 4)
    assert set(settings.datasets) == set(names)
    assert settings.certify == ("moons",)
    assert set(settings.attack) == {"blobs", "mine"}
    assert settings.blackbox == ("blobs",)
    assert settings.trajectories == ("blobs",)
    assert settings.study == here.config.bilevel


def test_a_point_set_is_asked_for_by_its_name() -> None:
    here = bilevel()
    given = wildcards(dataset="mine")
    job = BilevelDataJob.from_json(here.bilevel_data(given))
    assert job.data == here.config.bilevel.datasets["mine"]
    assert job.n_neighbors == here.config.bilevel.graph.n_neighbors
    assert here.bilevel_own(given) == ["tables/mine.csv"]
    assert here.bilevel_own(wildcards(dataset="blobs")) == []
    for ask in (here.bilevel_data, here.bilevel_own):
        with pytest.raises(UserError, match="no such data set in this run: iris") as error:
            ask(wildcards(dataset="iris"))
        assert "bilevel.datasets" in error.value.remedy


def test_only_drawn_point_sets_keep_their_trajectories() -> None:
    here = bilevel()
    for name in ("blobs", "moons"):
        job = BilevelPathJob.from_json(here.bilevel_path(wildcards(dataset=name)))
        assert job.trajectories == (name == "blobs")
        assert job.graph == here.config.bilevel.graph


def test_study_3_has_its_own_seeds_or_those_of_the_run() -> None:
    assert plan(seeds=[5, 6], bilevel={"seeds": None}).bilevel_seeds == (5, 6)
    assert bilevel().bilevel_seeds == (3, 4)


def test_the_resolved_configuration_leaves_out_the_same_point_sets() -> None:
    base = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    here = bilevel()
    again = Plan(merged(base, json.loads(here.resolved())), [], ROOT / "requirements.txt")
    assert again.config == here.config
    assert set(again.config.bilevel.datasets) == {"blobs", "moons", "mine"}


def test_braces_in_the_projects_folder_are_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advlearn.plan.package_root", lambda: Path("/a {b}'s/src/advlearn"))
    monkeypatch.setattr("sys.executable", "/a {b}'s/.venv/bin/python")
    monkeypatch.setattr("advlearn.plan.code_digest", lambda module: "0")
    # Snakemake formats the prefix once, bash reads what comes out.
    prefix = snakemake.utils.format(plan().shell_prefix)
    done = subprocess.run(
        ["bash", "-c", f'{prefix} printf "%s\\n" "$PATH" "$PYTHONPATH"'],
        env={"PATH": "/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "/a {b}'s/.venv/bin:/bin\n/a {b}'s/src\n"
