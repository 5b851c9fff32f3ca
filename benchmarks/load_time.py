"""Loading the code location compared with ``import dagster`` alone, in fresh processes.

The reference pipeline with its sources is measured beside the location with all pipelines: a pipeline
more adds Dagster's time to build its assets and checks. The budget is for the location.

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
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUDGET_SECONDS = 1.5
REFERENCE = ("sources", "flight_delays")
"""Folders of the reference pipeline and its sources under ``defs/``."""

HIDDEN = "import sys; sys.modules['hypothesis'] = None"
DAGSTER = "import dagster"
LOCATION = "from ml_assets.definitions import defs; graph = defs().resolve_asset_graph()"
TAKEN = "import time; print(time.process_time())"
ASSETS = "print(len(graph.get_all_asset_keys()))"
MODULES = "import json; print(json.dumps(sorted(sys.modules)))"
HEAVY = ("deltalake", "mlflow", "pandas", "pandera", "pyarrow", "scipy", "skops", "sklearn")
"""Packages that take long to import; pandas and pandera are what contracts are written in."""


def main() -> int:
    """Measure in turn, print the table, end with 1 when loading is over its budget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory(prefix="load-time-") as folder:
        reference = reference_alone(Path(folder))
        dagster, alone, all_of_them = medians(
            [(DAGSTER, ROOT), (LOCATION, reference), (LOCATION, ROOT)], repeat
        )
        few, many = (
            int(last_line(reference, LOCATION, ASSETS)),
            int(last_line(ROOT, LOCATION, ASSETS)),
        )
    print("| what | assets | CPU seconds | more |\n| --- | --- | --- | --- |")
    print(f"| import dagster | | {dagster:.2f} | |")
    print(f"| load {' and '.join(REFERENCE)} | {few} | {alone:.2f} | {alone - dagster:+.2f} |")
    print(f"| load everything | {many} | {all_of_them:.2f} | {all_of_them - dagster:+.2f} |")
    print(
        f"Budget: at most {BUDGET_SECONDS} s more for everything. "
        f"Loaded with everything: {', '.join(heavy_modules())}."
    )
    return int(all_of_them - dagster > BUDGET_SECONDS)


def reference_alone(folder: Path) -> Path:
    """Root of a copy of the project with the pipelines of ``REFERENCE`` only."""
    others = {one.name for one in (ROOT / "ml_assets" / "defs").iterdir() if one.is_dir()}
    others -= {*REFERENCE}
    shutil.copytree(
        ROOT / "ml_assets",
        folder / "ml_assets",
        ignore=lambda parent, _: others if Path(parent).name == "defs" else (),
    )
    for name in ("dg.toml", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return folder


def medians(cases: list[tuple[str, Path]], repeat: int) -> list[float]:
    """Median CPU seconds of fresh interpreters that run some code in a root, measured in turn."""
    measured: list[list[float]] = [[] for _ in cases]
    for _ in range(repeat + 1):
        for (code, root), found in zip(cases, measured, strict=True):
            found.append(float(last_line(root, code, TAKEN)))
    return [statistics.median(found[1:]) for found in measured]  # the first of each fills caches


def heavy_modules() -> list[str]:
    """Which of the heavy packages are imported once the location is loaded."""
    loaded = set(json.loads(last_line(ROOT, LOCATION, MODULES)))
    return [name for name in HEAVY if name in loaded]


def last_line(root: Path, *code: str) -> str:
    """Last line that a fresh interpreter in an empty home prints, with the package of a root."""
    with tempfile.TemporaryDirectory(prefix="load-time-") as home:
        environment = {**os.environ, "PYTHONPATH": str(root), "ML_ASSETS_DATA": home}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        result = subprocess.run(
            [sys.executable, "-c", "\n".join([HIDDEN, *code])],
            cwd=home,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if result.returncode:
        raise RuntimeError(f"{' '.join(code)} failed:\n{result.stderr[-4000:]}")
    return result.stdout.splitlines()[-1]


if __name__ == "__main__":
    sys.exit(main())
