"""The console script `luota-svc`. Says what went wrong in one line and with one of three exit codes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from luota_svc.cli import CommandFailed, Exit, build_parser, run_command

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0, 1 for a failure, 2 for usage or configuration; errors are one line on stderr each."""
    args = build_parser().parse_args(argv)
    try:
        code = run_command(args)
        # Here, where a reader that has left is still an answer, and not in the interpreter's last breath.
        sys.stdout.flush()
    except CommandFailed as failure:
        return _say(str(failure), failure.code)
    except KeyboardInterrupt:
        return _say("interrupted", Exit.FAILURE)
    except BrokenPipeError:
        # Whoever read our stdout has left; the interpreter's own flush at exit must not complain about it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILURE
    except Exception as error:  # noqa: BLE001 - the last line of defence: a traceback may hold a secret, a sentence not
        return _say(f"{type(error).__name__}: {error}", Exit.FAILURE)
    return code


def _say(message: str, code: int) -> int:
    from luota_svc.telemetry.scrub import scrub

    for line in message.splitlines() or [""]:
        print(f"luota-svc: {scrub(line)}", file=sys.stderr)  # noqa: T201 - the command's own voice
    return code


if __name__ == "__main__":
    sys.exit(main())
