"""``python -m advlearn STAGE``."""

from advlearn.cli import main

main()
