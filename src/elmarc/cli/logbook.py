"""`--log-file`: what a run said, and what it ran on, appended to a file; `--quiet` does not silence it."""

from __future__ import annotations

import contextlib
import logging
import platform
import shlex
import sys
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TextIO

from elmarc.cli.folders import LOG as LOG_FILE
from elmarc.cli.folders import is_ours
from elmarc.errors import ConfigError

LOG = logging.getLogger("elmarc")
VERSIONS = ("elmarc", "torch", "numpy", "scipy", "scikit-learn", "soundfile", "soxr")


class _Handler(logging.FileHandler):
    """A file that is given up, and that is said once, when it can be written no more."""

    _given_up = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, as long as that is possible."""
        if not self._given_up:
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Say that the run goes on without the file."""
        problem = sys.exc_info()[1]
        if not isinstance(problem, OSError):
            super().handleError(record)
            return
        self._given_up = True
        print(
            f"note: --log-file {self.baseFilename}: cannot be written ({problem.strerror}): the run goes on "
            "without it",
            file=sys.stderr,
        )

    def close(self) -> None:
        """Close the file; what a full disk does not take is lost."""
        with contextlib.suppress(OSError):
            super().close()


class Logbook:
    """A file that takes what is logged to `elmarc`, and every warning, each line with its time.

    Parameters
    ----------
    path : Path
        Made where it is not there; appended to where it is such a log.

    Raises
    ------
    ConfigError
        The file cannot be written, or holds something else.
    """

    def __init__(self, path: Path) -> None:
        if path.is_file() and not is_ours(path, LOG_FILE):
            raise ConfigError(
                f"--log-file {path}: is there already, and is no log of elmarc: name another file"
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._handler = _Handler(path, encoding="utf-8")
        except OSError as problem:
            raise ConfigError(
                f"--log-file {path}: cannot be written ({problem.strerror}): name another file"
            ) from None
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._shown = warnings.showwarning
        self._start = time.monotonic()

    def open(self) -> None:
        """Begin: the command, its folder and the versions."""
        LOG.addHandler(self._handler)
        LOG.setLevel(logging.INFO)
        LOG.propagate = False
        warnings.showwarning = self._warn
        LOG.info("command: %s", shlex.join(["elmarc", *sys.argv[1:]]))
        LOG.info("folder: %s", Path.cwd())
        LOG.info("python %s on %s; %s", platform.python_version(), platform.platform(), _versions())

    def close(self, code: int) -> None:
        """End: the exit code, and the seconds taken."""
        LOG.info("exit code %d after %.1f s", code, time.monotonic() - self._start)
        warnings.showwarning = self._shown
        LOG.removeHandler(self._handler)
        LOG.setLevel(logging.NOTSET)
        LOG.propagate = True
        self._handler.close()

    def _warn(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        LOG.warning("%s: %s (%s:%d)", category.__name__, message, filename, lineno)
        self._shown(message, category, filename, lineno, file, line)


def _versions() -> str:
    return ", ".join(f"{name} {_version(name)}" for name in VERSIONS)


def _version(name: str) -> Any:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
