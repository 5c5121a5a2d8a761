"""The lock: its values, its canonical file, its graph. Pure. Called, the package is the public function ``lock``."""

import envsolver

envsolver._callable_as_lock(__name__)  # noqa: SLF001 - the package's root alone knows the public functions
