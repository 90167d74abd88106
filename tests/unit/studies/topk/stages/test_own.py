"""Methods of one's own in study 2: the loss and the step of docs/own-attack.md, and bad ones."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

from advlearn.attacks.topk.own import load
from advlearn.attacks.topk.own import try_out as try_out_method
from advlearn.attacks.topk.targets import TopkTargets
from advlearn.settings.topk import OwnTopkMethod, TopkAttackSettings
from advlearn.studies.topk.settings.jobs import TopkAttackJob
from advlearn.studies.topk.settings.study import TopkSettings
from advlearn.support.errors import UserError
from advlearn.support.io import read_parquet
from tests.helpers.configuration import smoke_plan
from tests.helpers.tiny_topk import TinyTopk

PAGE = (Path(__file__).resolve().parents[5] / "docs" / "own-attack.md").read_text("utf-8")
SECTION = PAGE.partition("\n## 8.")[2].partition("\n## ")[0]
(CODE,) = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
(YAML,) = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
GIVEN = yaml.safe_load(YAML)["topk"]
SMOOTH = OwnTopkMethod.model_validate(GIVEN["own"]["smooth"])


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "code" / "mylab"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "topk.py").write_text(CODE, encoding="utf-8")
    monkeypatch.syspath_prepend(folder.parent)
    for name in ("mylab", "mylab.topk"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder / "topk.py"


@pytest.fixture
def mylab(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("mylab.topk")
    monkeypatch.setitem(sys.modules, "mylab.topk", module)
    return module


@pytest.fixture
def targets() -> TopkTargets:
    """Six labels, of which the first four are relevant; one of each image is to leave."""
    relevant = torch.tensor([[True] * 4 + [False] * 2] * 4)
    specified = torch.zeros(4, 6, dtype=torch.bool)
    specified[range(4), range(4)] = True
    return TopkTargets(relevant, specified, 2)


def try_out(targets: TopkTargets) -> None:
    """Try the method of the page's name out as an attack does."""
    settings = TopkAttackSettings(method="smooth", own=SMOOTH)
    try_out_method(load(SMOOTH), torch.zeros(4, 1, 2, 2), targets, settings)


def test_the_loss_of_the_page_is_what_it_says(targets: TopkTargets) -> None:
    loss: Any = load(SMOOTH)
    logits = torch.tensor([[3.0, 2.0, 1.0, 0.0, -1.0, -2.0]] * 4)
    found = loss(logits, targets.relevant, targets.specified, 2)
    # The second largest of the others is 1 for the first two images, else 2.
    leads = np.array([3 - 1, 2 - 1, 1 - 2, 0 - 2])
    np.testing.assert_allclose(found, 0.5 * np.log1p(np.exp(leads / 0.5)), rtol=1e-5)
    try_out(targets)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["smooth", "straight"])
def test_it_is_attacked_with_beside_the_others(name: str, topk: TinyTopk, tmp_path: Path) -> None:
    methods = ["tkmia", name]
    values = topk.study.model_dump() | {**GIVEN, "methods": methods}
    study = TopkSettings.model_validate(values)
    cells = study.cells("transfer")
    assert [cell.attack.method for cell in cells] == methods
    assert cells[0] == topk.study.cells("transfer")[0]
    outcomes = {}
    for size in (3, 8):
        out = tmp_path / f"{size}.parquet"
        topk.attack(out, TopkAttackJob(cells=cells, images=8, keep_images=True, batch_size=size))
        outcomes[size] = read_parquet(out)
    frame = outcomes[8]
    own, other = (frame[frame["method"] == each] for each in (name, "tkmia"))
    assert own["image"].tolist() == other["image"].tolist()
    assert own["success"].mean() >= 0.25
    assert (own["l2"].to_numpy() != other["l2"].to_numpy()).any()
    # The work of a method is what its images do alone.
    alone = outcomes[3][outcomes[3]["method"] == name]
    np.testing.assert_allclose(own["l2"], alone["l2"], rtol=1e-2)


def one(logits: Tensor, relevant: Tensor, specified: Tensor, k: int) -> Tensor:
    """A good loss, which bad ones spoil."""
    return (logits * specified).sum(1)


class _Counts:
    """Remembers how often it was called."""

    calls = 0

    def __call__(self, logits: Tensor, relevant: Tensor, specified: Tensor, k: int) -> Tensor:
        self.calls += 1
        return one(logits, relevant, specified, k) * self.calls


def _writes(logits: Tensor, relevant: Tensor, specified: Tensor, k: int) -> Tensor:
    relevant[:] = True
    return one(logits, relevant, specified, k)


BAD: dict[str, tuple[Any, str]] = {
    "a number in all": (lambda f, y, s, k: one(f, y, s, k).sum(), r"returned \(\) for"),
    "a number a label": (lambda f, y, s, k: f, r"returned \(4, 6\)|returned \(3, 6\)"),
    "no tensor": (lambda f, y, s, k: 1.0, "returned float"),
    "another type": (lambda f, y, s, k: one(f, y, s, k).double(), "returned torch.float64"),
    "no gradient": (lambda f, y, s, k: one(f, y, s, k).detach(), "has no gradient"),
    "numpy": (lambda f, y, s, k: f.numpy(), "cannot be computed: Can't call numpy"),
    "another name": (lambda f, y, s, k: f.nothing, "cannot be computed"),
    "nan": (lambda f, y, s, k: one(f, y, s, k) / 0, "is not finite"),
    "a slope of nan": (
        lambda f, y, s, k: one(f, y, s, k) + ((f - f.detach()) ** 2).sum(1).sqrt(),
        "has no finite gradient",
    ),
    "a mean over the batch": (
        lambda f, y, s, k: one(f, y, s, k) - f.mean(),
        "for an image alone than in a batch",
    ),
    "chance": (lambda f, y, s, k: one(f, y, s, k) * torch.rand(1), "another one the next time"),
    "a memory": (_Counts(), "another one the next time"),
    "into the masks": (_writes, "writes into what it is given"),
    "into the logits": (lambda f, y, s, k: one(f.mul_(2), y, s, k), "cannot be computed"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_it_may_not_be(case: str, mylab: ModuleType, targets: TopkTargets) -> None:
    loss, said = BAD[case]
    mylab.__dict__["smooth"] = lambda settings: loss
    with pytest.raises(UserError, match=said) as caught:
        try_out(targets)
    assert "'topk.own', function 'mylab.topk:smooth'" in caught.value.where


def test_a_bad_loss_stops_the_attack_and_no_images_need_none(
    mylab: ModuleType, targets: TopkTargets
) -> None:
    from advlearn.attacks import topk as attacks

    mylab.__dict__["smooth"] = lambda settings: BAD["no gradient"][0]
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 6))
    settings = TopkAttackSettings(method="smooth", own=SMOOTH, iterations=2)
    with pytest.raises(UserError, match="has no gradient"):
        attacks.run(network, torch.rand(4, 1, 2, 2), targets, settings)
    try_out(targets[:0])


def test_the_line_of_a_step_that_raises_is_named(file: Path, targets: TopkTargets) -> None:
    file.write_text(
        CODE.replace("return torch.where", "return now.nothing or torch.where"), "utf-8"
    )
    own = OwnTopkMethod(function="mylab.topk:Straight")
    settings = TopkAttackSettings(method="straight", own=own)
    with pytest.raises(UserError, match="Straight raised AttributeError") as caught:
        try_out_method(load(own), torch.zeros(4, 1, 2, 2), targets, settings)
    number = next(
        i for i, line in enumerate(file.read_text("utf-8").splitlines(), 1) if "nothing" in line
    )
    assert f"mylab.topk.Straight, line {number}: return now.nothing" in caught.value.where


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("builtins:dict", "is a dict, no loss and no steps"),
        ("nowhere:x", "cannot load the method"),
        ("builtins:type", "is the class dict, not an object of it"),
        ("math:sqrt", "cannot be built: TypeError: must be real number"),
        ("math:pi", "cannot be built: TypeError: 'float' object is not callable"),
    ],
)
def test_what_builds_no_loss_is_refused(function: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        load(OwnTopkMethod(function=function))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"methods": ["smoth"]}, "unknown method 'smoth'; did you mean 'smooth'"),
        ({"own": {"kfool": {"function": "mylab.topk:smooth"}}}, "the name 'kfool' is taken"),
        ({"own": {"noise": {"function": "mylab.topk:smooth"}}}, "the name 'noise' is taken"),
        ({"own": {"smooth": {"function": "smooth"}}}, "pattern"),
        ({"by_method": {"smoth": {"alpha": 0}}}, "'topk.by_method.smoth'"),
        ({"by_method": {"smooth": {"own": None}}}, "'topk.by_method.smooth.own'"),
        ({"own": {"smooth": {"function": "mylab.nowhere:x"}}}, "no Python module"),
        ({"own": {"smooth": {"function": "mylab.topk:rough"}}}, "has nothing called 'rough'"),
    ],
)
def test_wrong_names_are_refused_before_any_job(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        smoke_plan(topk={**GIVEN, "methods": ["smooth"], **values})


def test_its_file_is_a_parameter_of_the_jobs_that_attack(file: Path) -> None:
    wildcards: Any = SimpleNamespace(model="resnet")
    plan = smoke_plan(topk=GIVEN).study("topk")
    before = plan.own_code(wildcards)
    assert before[0] is None
    assert plan.own_model(wildcards) is None
    file.write_text(f"{CODE}\n# changed\n", encoding="utf-8")
    assert plan.own_code(wildcards) != before
    assert smoke_plan().study("topk").own_code(wildcards) is None
    cells = plan.settings.cells("random")
    assert TopkAttackJob(cells=cells, images=1).own_functions == [
        "mylab.topk:smooth",
        "mylab.topk:Straight",
    ]


def test_its_learning_rate_is_searched_like_that_of_the_others() -> None:
    study = smoke_plan(topk=GIVEN).study("topk").settings
    found = [(key, cell.attack) for key, cell in study.searched_cells("resnet")]
    for name in ("smooth", "straight"):
        assert [key for key, attack in found if attack.method == name] == ["learning_rate"]
    changed = smoke_plan(topk={**GIVEN, "by_method": {"smooth": {"alpha": 0.5}}}).study("topk")
    assert changed.settings.attack_of("smooth").alpha == 0.5
    assert changed.settings.attack_of("smooth").own == SMOOTH
