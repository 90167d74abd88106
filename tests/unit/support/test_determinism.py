from collections.abc import Iterator

import pytest
import torch

from advlearn.support import jobnotes
from advlearn.support.determinism import configure_torch
from advlearn.support.errors import UserError


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    torch.set_flush_denormal(False)


def test_threads_come_from_the_caller() -> None:
    configure_torch(1, "cpu")
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()


def test_missing_gpu_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert configure_torch(1, "auto").type == "cpu"
    with pytest.raises(UserError, match="no CUDA device") as caught:
        configure_torch(1, "cuda")
    assert "CUDA_VISIBLE_DEVICES is 2" in caught.value.where
    assert "device: cpu" in caught.value.remedy
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    with pytest.raises(UserError) as caught:
        configure_torch(1, "cuda")
    assert "CUDA_VISIBLE_DEVICES is not set" in caught.value.where


@pytest.mark.parametrize(("devices", "chosen"), [(1, []), (2, [1])])
def test_of_several_gpus_the_least_used_is_the_current_one(
    monkeypatch: pytest.MonkeyPatch, devices: int, chosen: list[int]
) -> None:
    used: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: devices)
    monkeypatch.setattr(torch.cuda, "set_device", used.append)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H100")
    noted: dict[str, object] = {}
    monkeypatch.setattr(jobnotes, "_own", noted)
    monkeypatch.setattr("advlearn.support.gpu.least_used", lambda n: n - 1)
    # Without a number, so that progress of a killed job fits whichever GPU it resumes on.
    assert str(configure_torch(1, "cuda")) == "cuda"
    assert used == chosen
    configured = noted["device"]
    configure_torch(1, "cpu")
    assert (configured, noted["device"]) == ("NVIDIA H100", "cpu")
