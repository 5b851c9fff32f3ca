"""Building fifty model pipelines of minimal configuration, with their asset graph.

CPU time of this process after the imports that every code location needs.

    python -m benchmarks.many_pipelines
"""

import tempfile
import time
import warnings
from pathlib import Path

import ml_assets.definitions  # noqa: F401  freezes what every code location imports
from ml_assets.orchestration.runs.runs import broken_assets, silence_notices
from ml_assets_tests.components.minimal_pipeline_test import MINIMAL
from ml_assets_tests.components.shop import definitions, raw_table

PIPELINES = 50
BUDGET_SECONDS = 5.0


def main() -> int:
    """Build and print the table; end with 1 when it takes longer than the budget."""
    silence_notices()
    warnings.simplefilter("ignore")
    text = "---".join(_pipeline(number) for number in range(PIPELINES))
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        graph = definitions(Path(folder), text, raw_table()).resolve_asset_graph()
        taken = time.process_time() - start
    assets = len(graph.get_all_asset_keys())
    print("| pipelines | assets | CPU seconds |\n| --- | --- | --- |")
    print(f"| {PIPELINES} | {assets} | {taken:.2f} |")
    print(f"Budget: at most {BUDGET_SECONDS} s.")
    return int(taken > BUDGET_SECONDS or bool(broken_assets(graph)))


def _pipeline(number: int) -> str:
    """The documents of one pipeline, with tables of its own."""
    own = f"shop{number}"
    return (
        MINIMAL.replace("pipeline: shop", f"pipeline: {own}")
        .replace("shop/orders", f"{own}/orders")
        .replace("shop/weights", f"{own}/weights")
    )


if __name__ == "__main__":
    raise SystemExit(main())
