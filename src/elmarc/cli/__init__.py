"""The command line: `main(argv)` runs a command and returns its exit code."""

from __future__ import annotations

from elmarc.cli.app import main

__all__ = ["main"]
