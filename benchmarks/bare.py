"""``envsolver`` by metadata alone: ``python benchmarks/bare.py lock …``. No rules are read, and nothing is implied.

What rules and implied bounds cost is the difference to ``envsolver`` itself. A spec that switches them off still has
the rules read, so it would not do.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envsolver.app.knowledge import Knowledge
    from envsolver.app.project import Project
    from envsolver.model.spec import Spec


def main() -> int:
    """Run the command line with nothing known beyond metadata."""
    from envsolver.app import relocking
    from envsolver.app.knowledge import Knowledge
    from envsolver.cli.main import main as envsolver

    def nothing(_project: Project, _spec: Spec) -> Knowledge:
        return Knowledge()

    # Not what the module exports: what its function calls.
    vars(relocking)["load_knowledge"] = nothing
    return envsolver()


if __name__ == "__main__":
    sys.exit(main())
