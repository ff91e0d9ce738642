"""The commands: what each is called and takes. One file a command, imported only when it runs; no logic here."""

from __future__ import annotations

import argparse
import sys
from enum import IntEnum
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

_PORT_MAX: Final = 65_535


class Exit(IntEnum):
    """The exit codes of every command."""

    OK = 0
    FAILURE = 1
    CONFIGURATION = 2


class CommandFailed(Exception):
    """A command cannot do what was asked. The message is what the operator reads, one line a problem."""

    def __init__(self, message: str, code: Exit = Exit.FAILURE) -> None:
        """Take the sentence and the exit code."""
        self.code = code
        super().__init__(message)


class _Parser(argparse.ArgumentParser):
    """A parser that complains in one line."""

    def error(self, message: str) -> NoReturn:
        print(f"luota-svc: {message}; try {self.prog} --help", file=sys.stderr)
        sys.exit(Exit.CONFIGURATION)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `luota-svc`; no command's module is imported for it."""
    parser = _Parser(prog="luota-svc", description="Tells people when work that somebody relies on did not happen.")
    parser.add_argument("--version", action="version", version=f"luota-svc {version('luota')}")
    commands = parser.add_subparsers(dest="command", metavar="<command>", required=True)
    for name, (summary, add_options) in _COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        add_options(command)
    return parser


def run_command(args: argparse.Namespace) -> int:
    """Import the command's module and run its `run(args) -> int`. Settings that cannot be used raise CommandFailed."""
    from luota_svc.settings import SettingsError

    module = import_module(f"luota_svc.cli.{args.command.replace('-', '_')}")
    run: Callable[[argparse.Namespace], int] = module.run
    try:
        return run(args)
    except SettingsError as error:
        raise CommandFailed("\n".join(error.problems), Exit.CONFIGURATION) from error


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > _PORT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)


def _no_options(_command: argparse.ArgumentParser) -> None:
    """Add nothing: the environment says it all."""


def _dev_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--state-dir", type=Path, default=Path(".luota"), help="where data is kept (default .luota)")
    command.add_argument("--http-port", type=_port, default=8080, help="port of the HTTP door (default 8080)")
    command.add_argument("--grpc-port", type=_port, default=50051, help="port of the gRPC door (default 50051)")


def _drill_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--url",
        help="the HTTP door of a Luota that runs; LUOTA_OPERATOR_TOKEN says who you are (default: dev in --state-dir)",
    )
    command.add_argument("--workspace", metavar="ID", help="where to drill (default: the only one that the token sees)")
    command.add_argument("--state-dir", type=Path, default=Path(".luota"), help="of a running dev (default .luota)")


def _check_config_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--for",
        dest="purpose",
        choices=("serve", "work", "migrate", "bootstrap", "rotate-encryption", "dev"),
        default="serve",
        help="the command whose needs are checked (default serve)",
    )


_COMMANDS: Final[dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]]] = {
    "dev": ("run Luota with private servers of its own, to try it", _dev_options),
    "serve": ("run the HTTP and gRPC doors; people are told by `work`", _no_options),
    "work": ("judge silence and tell people; any number of workers may run", _no_options),
    "drill": ("fail on purpose, from end to end, and show that somebody would be told", _drill_options),
    "migrate": ("bring the database up to this version", _no_options),
    "bootstrap": (
        "make an admin's operator token and print it once, or store the one of LUOTA_BOOTSTRAP_TOKEN_FILE",
        _no_options,
    ),
    "rotate-encryption": ("seal what alert routes keep secret with the first of LUOTA_ENCRYPTION_KEYS", _no_options),
    "check-config": ("show the settings, or every problem at once", _check_config_options),
}
