"""Where a command computes features or trains, as its options say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.markup import escape

from elmarc.cli import console
from elmarc.study.executors import Wanted, opened
from elmarc.study.executors.base import Executor
from elmarc.study.spec import Experiment


@contextmanager
def workers(wanted: Wanted, config: Experiment, *, quiet: bool) -> Iterator[Executor | None]:
    """Give the executor that was asked for, and say what it has; None is this process."""
    with opened(wanted, device=config.device) as executor:
        if executor is not None and not quiet:
            console.err.print(escape(executor.described), highlight=False, soft_wrap=True)
        yield executor
