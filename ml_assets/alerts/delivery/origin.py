"""The environment and host that send notifications."""

import socket
from pathlib import Path

from ml_assets.environment import ENVIRONMENTS


def origin() -> str:
    """Host of this process, after the name of its environment if it runs in the folder of one: ``production on HOST``."""
    here, host = Path.cwd(), socket.gethostname()
    return f"{here.name} on {host}" if here.parent.name == ENVIRONMENTS else host
