"""`sonde data`: public data sets by name."""

from __future__ import annotations

import sys
from pathlib import Path

from cyclopts import App

from sonde.app.output import aligned, emit

data = App(name="data", help="List public data sets, and fetch them by name.")


@data.command(name="list")
def list_sets(*, json: bool = False) -> None:
    """Show the sets there are: size, licence, what they are.

    Parameters
    ----------
    json
        Print one JSON object with addresses and checksums instead.
    """
    from sonde.data.public.catalogue import SETS

    if json:
        emit({"sets": [vars(found) | {"files": list(map(vars, found.files))} for found in SETS]})
        return
    print(aligned([[s.name, _megabytes(s.size), s.about] for s in SETS]))
    print("\nsonde data get NAME fetches one; its licence is said then, and by list --json.")


@data.command
def get(name: str, /, *, to: str | None = None, json: bool = False) -> None:
    """Fetch a set and check it; a file that is there already is not fetched again.

    Parameters
    ----------
    name
        A set, such as mnist: `sonde data list` shows all.
    to
        The folder to put it in; by default the one `SONDE_DATA` names, or the user's data folder.
    json
        Print one JSON object on stdout.
    """
    from sonde.data.public.catalogue import find_set
    from sonde.data.public.fetch import get_set, home

    found = find_set(name)
    folder = Path(to) if to is not None else home()
    places = get_set(found, folder, _show)
    if json:
        emit({"set": found.name, "files": [str(place) for _, place in places]})
        return
    for file, place in places:
        print(f"{place}   {_megabytes(file.size)}, SHA-256 verified")
    print(f"licence    {found.licence}")
    print(f"cite       {found.source}")
    print(f"recipe     source: {found.recipe}")
    print(f"           task: {{target: {found.target}, ...}}; SONDE_DATA={folder} finds the files")


def _show(done: int, size: int) -> None:
    """A line on a terminal that counts up."""
    if sys.stderr.isatty():
        end = "\n" if done == size else ""
        print(f"\r{_megabytes(done)} of {_megabytes(size)}", end=end, file=sys.stderr, flush=True)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
