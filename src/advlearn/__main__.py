"""``python -m advlearn STAGE``."""

import gc

from advlearn.cli import main

try:
    main()
finally:
    # The process ends: what is left goes with it, unsearched (see `advlearn.cli`).
    gc.freeze()
