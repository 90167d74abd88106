from __future__ import annotations

import subprocess
import sys

import pytest

from advlearn import attacks
from advlearn.settings.attack import ATTACK_NAMES, EVALUATION_ATTACKS
from advlearn.support.errors import UserError


class Unknown:
    name = "pdg"


def test_unknown_attack_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match="unknown attack 'pdg'") as caught:
        attacks.build(Unknown())
    assert "apgd, fab, fgsm, pgd, square" in caught.value.remedy


def test_registry_and_settings_name_the_same_attacks() -> None:
    assert sorted(attacks.ATTACKS) == sorted(ATTACK_NAMES + EVALUATION_ATTACKS)


def test_the_registry_and_the_settings_need_no_torch() -> None:
    code = "import sys, advlearn.attacks, advlearn.settings.attack; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
