"""Tests mirror ``ml_assets``; ``end_to_end``, ``faults`` and ``browser`` cross its parts."""

import os

# Test processes run side by side, one for each processor. A fit on several threads then waits for
# threads of the others, and takes several times the processor time. Libraries read this when they load.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
