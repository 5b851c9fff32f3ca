"""The ``.env`` of a checkout: ``python -m ml_assets.environment > .env``.

Dagster's commands read it to find the instance and to batch its events.
"""

from pathlib import Path

EVENT_BATCH_SIZE = 500

OMP_WAIT_POLICY = "passive"
"""Active waiting of threads makes a fit many times slower on a busy machine."""


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
