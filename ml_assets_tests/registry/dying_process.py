"""Replaces the process of the integration tests, and dies at its second test.

It says things on its way that nobody should read in a table.
"""

import os
import signal
import sys
from pathlib import Path

from ml_assets.registry.integration_request import REGISTRY_URL, RESULTS, IntegrationResult

UNTIL_CUT = 214
"""The password that follows crosses the limit of a finding."""

if __name__ == "__main__":
    first = IntegrationResult(test="loads_from_registry", passed=True, finding="it loads")
    unreadable = '{"test": "signature_matches", "passed": "yes", "finding": ""}'
    text = f'{first.model_dump_json()}\n{unreadable}\n[]\n{{"test": "golden_requests", "passed": tr'
    (Path(sys.argv[1]) / RESULTS).write_text(text, "utf-8")
    print("a warning", file=sys.stderr)
    print("x" * UNTIL_CUT, os.environ[REGISTRY_URL], "x" * 1000, file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
