"""A process that delivers what is due, or stores an alert and lives on, until it is killed.

python -m ml_assets_tests.alerts.delivery.deliverer deliver|update URL ROUTES MINUTES

ROUTES are Apprise URLs for warnings; MINUTES after ``NOW`` is the moment. ``deliver`` prints a line when it is
ready and waits for one, ``update`` prints one when the alert is stored.
"""

import sys
import time

from ml_assets.alert_urls import apprise
from ml_assets.alerts.log import AlertLog
from ml_assets_tests.alerts.delivery.telling import delivered, routes
from ml_assets_tests.alerts.found import evaluation, finding, later

FOREVER = 1_000


def main(action: str, url: str, urls: str, minutes: float) -> None:
    """Do it."""
    to = routes(warning=urls)
    if action == "deliver":
        apprise()
        print("ready", flush=True)
        sys.stdin.readline()
        delivered(url, to, later(minutes))
        return
    AlertLog(url, to).update(evaluation(finding()), later(minutes))
    print("stored", flush=True)
    time.sleep(FOREVER)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
