"""Runs a command and ends it, with all that it started, as soon as whoever asked for it is gone.

``guardian.py FD COMMAND…``: FD is the reading end of a pipe of which that process alone has the other end. A process
that gets SIGKILL can do nothing any more; that its end of the pipe closes is what the kernel does for it. Imports as
little as it can.
"""

import _thread
import os
import signal
import sys


def main(pipe: int, command: list[str]) -> int:
    """Return the status of the command, 128 and its signal if one ended it, 127 if it cannot be started."""
    os.set_inheritable(pipe, False)
    try:
        # What the interpreter ignores for itself, the command is to have as everybody has it.
        child = os.posix_spawnp(command[0], command, os.environ, setsigdef=[signal.SIGPIPE, signal.SIGXFSZ])
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return 127
    _thread.start_new_thread(_watch, (pipe,))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status if status >= 0 else 128 - status


def _watch(pipe: int) -> None:
    """Wait until the pipe is closed, and end the group that this process leads."""
    while os.read(pipe, 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
