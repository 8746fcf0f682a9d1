"""The supervisor as a background process; people start it by `lorebase up`."""

from __future__ import annotations

import sys

from lorebase.core.config import get_settings
from lorebase.embedded.supervisor import run_foreground

if __name__ == "__main__":
    sys.exit(run_foreground(get_settings()))
