"""`python -m lorebase.workers.health`: exits with 0 while the worker beside it lives."""

from __future__ import annotations

import sys

from lorebase.core.config import get_settings
from lorebase.workers.heartbeat import heartbeat_file, is_alive

if __name__ == "__main__":
    sys.exit(0 if is_alive(heartbeat_file(get_settings())) else 1)
