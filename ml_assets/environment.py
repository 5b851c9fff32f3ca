"""The ``.env`` of a checkout: ``python -m ml_assets.environment > .env``.

Dagster's own commands read it, so that they find the instance and batch its events.
"""

from pathlib import Path

EVENT_BATCH_SIZE = 500

OMP_WAIT_POLICY = "passive"
"""Threads of a fit that wait actively make it many times slower on a machine that is busy."""


def lines(root: Path) -> list[str]:
    """The variables for a checkout at ``root``."""
    data = root / "data"
    return [
        f"DAGSTER_HOME={root}",
        f"DAGSTER_EVENT_BATCH_SIZE={EVENT_BATCH_SIZE}",
        f"OMP_WAIT_POLICY={OMP_WAIT_POLICY}",
        f"ML_ASSETS_DATA={data}",
        f"ML_ASSETS_COMPUTE_LOGS={data / 'dagster' / 'compute_logs'}",
    ]


if __name__ == "__main__":
    print("\n".join(lines(Path.cwd())))
