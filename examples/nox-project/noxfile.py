"""Sessions of a project whose environments envsolver locks."""

from __future__ import annotations

import nox

from envsolver.nox import gpu_session, install_lock


@nox.session
def tests(session: nox.Session) -> None:
    """Test with exactly what the lock says."""
    install_lock(session, "train", groups=["test"])
    session.run("python", "-m", "pytest", *session.posargs)


# nox -s gpu tries each environment on this node, nox -s "gpu(train)" one of them.
gpu_session()
