"""The command line: `elmarc --help`."""

from __future__ import annotations

from elmarc.cli.app import main

__all__ = ["main"]
