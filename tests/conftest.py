"""What holds for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No example may fail for the time it takes, which is that of the machine and of what else it does.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
