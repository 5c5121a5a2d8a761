"""The entry point: runs one command and turns whatever happens into words and an exit status.

0 done, 1 a check failed, 2 usage or a bad spec, 3 no solution, 4 network, files or a defect of envsolver itself,
130 interrupted, 141 the reader of a pipe went away.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from envsolver.cli.streams import drop, secure_streams, write_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envsolver.cli.ui import Ui

__all__ = ["main", "run"]

EXIT_FILE = 4
EXIT_DEFECT = 4
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``envsolver`` with these arguments (default: those of the process) and return its exit status."""
    secure_streams()
    args = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        # A run makes many values, few cycles, and ends soon: to look for garbage less often saves a sixth of its time.
        gc.set_threshold(200_000, 20, 100)
    if hasattr(sys.stdout, "reconfigure"):
        # A title in Greek must not end in a traceback where the output is ASCII.
        sys.stdout.reconfigure(errors="backslashreplace")
    status = 0
    try:
        status = 0 if _nothing_to_do(args) else _run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        drop(sys.stdout)
        return EXIT_BROKEN_PIPE
    except KeyboardInterrupt:  # before or after the command itself
        return EXIT_INTERRUPTED
    except OSError as error:  # of the output itself: on a full disk not even JSON can say what is wrong
        drop(sys.stdout)
        if not status:
            from envsolver.model.wording import system_reason

            reason = system_reason(error)
            write_error(f"error: standard output cannot be written: {reason}\n")
        return status or EXIT_FILE
    return status


def run() -> NoReturn:
    """Run ``envsolver`` as a process, and end it.

    rattler's threads may still be letting go of Python when a command is done. An interpreter that is shut down
    meanwhile aborts (about one run in thirty that does nothing after it has solved): so it is not shut down.
    """
    status = main()
    if "rattler" in sys.modules:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):  # main has said what there is to say of the output
                drop(stream)
        os._exit(status)
    sys.exit(status)


def _nothing_to_do(args: list[str]) -> bool:
    if "lock" not in args:
        return False
    from envsolver.cli.fast import up_to_date

    try:
        return up_to_date(args)
    except OSError:  # such as a current folder that is gone: the ordinary way says so
        return False


def _run(args: list[str]) -> int:
    import click

    from envsolver.cli.base import ReaderGoneError, root
    from envsolver.cli.ui import OUTPUT
    from envsolver.model.errors import EnvsolverError

    try:
        status = root.main(args=args, prog_name="envsolver", standalone_mode=False)
    except ReaderGoneError:
        raise BrokenPipeError from None
    except click.exceptions.NoArgsIsHelpError as error:
        write_error(error.format_message() + "\n")
        return 2
    except click.ClickException as error:
        from envsolver.cli.usage import usage_words

        return _report(_ui(args), "usage", *usage_words(error), status=error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _report(_ui(args), "interrupted", "interrupted", None, status=EXIT_INTERRUPTED)
    except EnvsolverError as error:
        from envsolver.cli.report import facts_of

        return _report(_ui(args), error.code, str(error), error.hint, status=error.exit_code, facts=facts_of(error))
    except OSError as error:
        if error.filename == OUTPUT:
            raise
        return _report(_ui(args), "file", _os_error(error), None, status=EXIT_FILE)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a traceback is no message for a user
        return _defect(_ui(args), error)
    return status if isinstance(status, int) else 0


def _ui(args: list[str]) -> Ui:
    """Return a Ui for an error message: the command line may be what could not be parsed."""
    from envsolver.cli.ui import Common, Ui

    options = args[: args.index("--")] if "--" in args else args
    return Ui(
        Common(
            json="--json" in options,
            verbose=bool({"-v", "--verbose"} & set(options)),
            color="--no-color" not in options and not os.environ.get("NO_COLOR"),
        )
    )


def _os_error(error: OSError) -> str:
    from envsolver.model.wording import system_reason

    reason = system_reason(error)
    if error.filename is None:
        return reason
    from envsolver.cli.ui import display_path

    return f"{display_path(os.fsdecode(error.filename))}: {reason}"


def _defect(ui: Ui, error: Exception) -> int:
    message = f"envsolver failed in a way that it should not: {type(error).__name__}: {error}"
    hint = "this is a defect; please report it with the output of the same command and --verbose"
    if ui.verbose:
        import traceback

        from envsolver.cli.text import redact

        write_error(redact("".join(traceback.format_exception(error))))
    return _report(ui, "defect", message, hint, status=EXIT_DEFECT)


def _report(
    ui: Ui, code: str, message: str, hint: str | None, *, status: int, facts: dict[str, Any] | None = None
) -> int:
    if ui.json_wanted:
        from envsolver.cli.report import error_document

        ui.json(error_document(code, message, hint, facts))
    else:
        ui.error(message)
        if hint:
            ui.hint(hint)
    return status


if __name__ == "__main__":
    run()
