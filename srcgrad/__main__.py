"""`python -m srcgrad cache` shows the cache of compiled code, `python -m srcgrad cache --clear` empties it."""

from __future__ import annotations

import argparse
import sys

from srcgrad import cache


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: instead of those of the process.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser("python -m srcgrad")
    commands = parser.add_subparsers(dest="command", required=True)
    shown = commands.add_parser("cache", help="where compiled code is kept, and how much")
    shown.add_argument("--clear", action="store_true", help="delete it")
    options = parser.parse_args(arguments)
    found = cache.summary()
    if found is None:
        print("the cache is switched off (SRCGRAD_CACHE=0)")  # noqa: T201
    elif options.clear:
        print(f"{found.folder}: {cache.clear()} files deleted")  # noqa: T201
    else:
        print(f"{found.folder}: {found.files} files, {found.size} bytes")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
