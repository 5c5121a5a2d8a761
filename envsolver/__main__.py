"""``python -m envsolver``."""

from __future__ import annotations

import sys

from envsolver.cli.main import main

sys.exit(main())
