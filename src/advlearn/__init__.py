"""advlearn: three adversarial-learning papers rerun from raw data to tables and figures."""

__version__ = "0.1.0"
