"""Loading the code location compared with ``import dagster`` alone, in fresh processes.

CPU time of the process until it has loaded, so that neither other processes nor the end of the
interpreter count; compiled modules are kept, as they are between any two starts of a code server.
hypothesis is hidden: pandera imports it where it is installed, which it is for development only.

Also says which heavy packages the load brought in: a table is not touched by loading, so nothing
needs deltalake then, nor a model library.

    python -m benchmarks.load_time [--repeat 5]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUDGET_SECONDS = 1.5
DAGSTER = "import dagster"
LOCATION = "from ml_assets.definitions import defs; defs().resolve_asset_graph()"
HIDDEN = "import sys; sys.modules['hypothesis'] = None"
HEAVY = ("deltalake", "mlflow", "pandas", "pandera", "pyarrow", "scipy", "skops", "sklearn")
"""Packages that take long to import; pandas and pandera are what contracts are written in."""


def main() -> int:
    """Measure in turn, print the table, end with 1 when loading is over its budget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    measured: dict[str, list[float]] = {DAGSTER: [], LOCATION: []}
    for number in range(repeat + 1):
        for code, found in measured.items():
            taken = seconds(code)
            if number:  # the first of each fills caches
                found.append(taken)
    dagster, location = (statistics.median(measured[code]) for code in (DAGSTER, LOCATION))
    print("| what | CPU seconds | more |\n| --- | --- | --- |")
    print(f"| import dagster | {dagster:.2f} | |")
    print(f"| load ml_assets.definitions | {location:.2f} | {location - dagster:+.2f} |")
    print(f"Budget: at most {BUDGET_SECONDS} s more. Loaded with it: {', '.join(heavy_modules())}.")
    return int(location - dagster > BUDGET_SECONDS)


def seconds(code: str) -> float:
    """CPU time that a fresh interpreter has taken when it has run some code."""
    return float(run(f"{code}\nimport time; print(time.process_time())").splitlines()[-1])


def heavy_modules() -> list[str]:
    """Which of the heavy packages are imported once the location is loaded."""
    out = run(f"{LOCATION}\nimport json, sys; print(json.dumps(sorted(sys.modules)))")
    loaded = set(json.loads(out.splitlines()[-1]))
    return [name for name in HEAVY if name in loaded]


def run(code: str) -> str:
    """Output of a fresh interpreter in an empty home."""
    with tempfile.TemporaryDirectory(prefix="load-time-") as home:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "ML_ASSETS_DATA": home}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        result = subprocess.run(
            [sys.executable, "-c", f"{HIDDEN}\n{code}"],
            cwd=home,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if result.returncode:
        raise RuntimeError(f"{code} failed:\n{result.stderr[-4000:]}")
    return result.stdout


if __name__ == "__main__":
    sys.exit(main())
