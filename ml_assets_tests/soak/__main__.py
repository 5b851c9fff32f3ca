"""``make soak``: the full form. It prints what it did as a table, and exits with 1 on a problem."""

import argparse
import sys
import tempfile
from pathlib import Path

from ml_assets_tests.soak.runner import soak
from ml_assets_tests.soak.schedule import DAYS, SEED, drawn, named, written


def main() -> int:
    """Run the soak of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the draw")
    parser.add_argument("--days", type=int, default=DAYS, help="how many days")
    parser.add_argument("--faults", nargs="*", help="these faults, one a day, instead of a draw")
    parser.add_argument("--schedule", action="store_true", help="print the schedule and end")
    asked = parser.parse_args()
    planned = named(asked.faults) if asked.faults else drawn(asked.seed, days=asked.days)
    print(written(planned), flush=True)
    if asked.schedule:
        return 0
    with tempfile.TemporaryDirectory(prefix="ml_assets_soak_") as folder:
        result = soak(Path(folder), planned, asked.days, lambda line: print(line, flush=True))
    print(f"\n{len(result.differing)} days of tables differ from the undisturbed run:")
    print("\n".join(f"  {one}" for one in result.differences()))
    print(f"\n{len(result.equal)} days of tables are equal though they read something else:")
    print("\n".join(f"  {one}" for one in result.equalities()))
    problems = result.problems()
    print("\n".join(problems) or "All days are terminal and every difference is explained.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
