"""The command line: `sonde train passengers.csv --target survived`.

Commands live in `app/commands/`, one a file; what is heavy they import when they run, so that help
and errors about files, flags, columns and kinds come at once.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from sonde import __version__
from sonde.app.commands.compare import compare
from sonde.app.commands.data import data
from sonde.app.commands.demo import demo
from sonde.app.commands.evaluate import evaluate
from sonde.app.commands.init import init
from sonde.app.commands.inspect import inspect
from sonde.app.commands.predict import predict, with_values
from sonde.app.commands.schema import schema
from sonde.app.commands.seal import seal
from sonde.app.commands.train import train
from sonde.app.output import STDIN, complain, noticed
from sonde.core.errors import SondeError, UsageError, listed
from sonde.core.notice import listening

app = App(
    name="sonde",
    help="Raw data in, a trained, honestly judged, sealed model out.",
    version=__version__,
    version_flags=["--version"],
    default_parameter=Parameter(negative=()),  # no flag here has an opposite worth a name
)
for command in (inspect, init, train, evaluate, compare, predict, seal, demo, schema, data):
    app.command(command)


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command and end with its exit code: 0, or that of the error, 130 on Ctrl-C."""
    sys.exit(run(sys.argv[1:] if argv is None else list(argv)))


def run(argv: list[str]) -> int:
    """Run a command; its exit code."""
    as_json = "--json" in argv
    argv = [STDIN if argument == "-" else argument for argument in argv]
    argv = with_values(argv) if argv[:1] == ["predict"] else argv
    try:
        with listening(noticed):
            app(argv, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()  # here and not when Python ends, where nobody would hear of a fault
    except CycloptsError as error:
        return complain(UsageError(_in_words(error)), as_json)
    except SondeError as error:
        return complain(error, as_json)
    except BrokenPipeError:
        _drop_output()
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception:  # the last line of defence: our fault, with all we know
        traceback.print_exc()
        fault = SondeError(
            "this is a fault in Sonde, not in what you did. Please report it with the lines "
            "above and the command you gave, where you got Sonde from."
        )
        return complain(fault, as_json)
    return 0


def _in_words(error: CycloptsError) -> str:
    """What is wrong with a command line, and what to do."""
    command = " ".join(["sonde", *(error.command_chain or ())])
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return (
            f"got {listed(error.unused_tokens)}, which belongs to no option. An option that may "
            "come with several values is repeated for each, such as  --set a=1 --set b=2 . See  "
            f"{command} --help"
        )
    return f"{error} See  {command} --help"


def _drop_output() -> None:
    """The reader left: what is still to be written goes nowhere, and into no error at the end."""
    with suppress(OSError, ValueError):  # in a test there may be no file behind it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
