"""One place that makes torch repeat itself: threads, algorithms and device."""

from __future__ import annotations

import os

import torch

from advlearn.support import gpu, jobnotes
from advlearn.support.errors import UserError


def configure_torch(threads: int, device: str) -> torch.device:
    """Fix torch's thread count, ask for deterministic algorithms and return the device.

    The thread count changes the order of sums and so the last digits of results: it comes from the
    configuration, never from the number of cores of the machine. Of several GPUs the one with the
    fewest jobs becomes the current one.

    Args:
        threads: torch threads of this process, at least 1.
        device: ``cpu``, ``cuda`` or ``auto`` (cuda where there is one).

    Raises:
        UserError: ``cuda`` was asked for and there is none.
    """
    torch.set_num_threads(threads)
    # The same flag as use_deterministic_algorithms(True), which also imports torch's compiler:
    # a second at the start of every job.
    torch.set_deterministic_debug_mode("error")
    # What is not written is not read (tests hold it): to fill it first costs a launch a tensor.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    # Denormal numbers appear in saturated networks and cost a hundred times a normal operation.
    torch.set_flush_denormal(True)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        if not torch.cuda.is_available():
            raise UserError(
                "no CUDA device is visible to torch",
                where="configuration key 'device: cuda' (CUDA_VISIBLE_DEVICES is "
                f"{os.environ.get('CUDA_VISIBLE_DEVICES', 'not set')})",
                remedy="set 'device: cpu' or 'auto', or run on a machine with a GPU",
            )
        if (devices := torch.cuda.device_count()) > 1:
            torch.cuda.set_device(gpu.least_used(devices))
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = False
        # Opens the device, which is part of the start.
        jobnotes.begin_work(torch.cuda.get_device_name())
    else:
        jobnotes.begin_work()
    return torch.device(device)
