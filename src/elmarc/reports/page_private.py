"""Remove the user's folders from texts and links of the page."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from elmarc.comparison.records import Comparison
from elmarc.results import Result

NAME = r"[^\s/\\'\"<>|:,;()]+"
# A path from the root of a drive, or from a home. "1/2", "m/s" and "https://host/name" are none.
ABSOLUTE = re.compile(rf"(?<![\w.:/\\~-])(?:~|[A-Za-z]:)?[/\\]+(?:{NAME}[/\\]+)*{NAME}")
HOME = re.compile(rf"(?:/home|/Users|[A-Za-z]:\\Users)[/\\](?:[^/\\\n:,;\"']+[/\\]|{NAME})")
SHARED_DEPTH = 2  # "/" and "/home", "C:\\" and "C:\\Users": folders that hold users' folders


class Folders:
    """The folders of the clips and of the user, to be removed from texts.

    Parameters
    ----------
    results : iterable of Result
        Their `source` has the folders of the clips.

    Examples
    --------
    >>> Folders([]).hide("/home/anna/sounds/dog.wav: holds no samples")
    'dog.wav: holds no samples'
    """

    def __init__(self, results: Iterable[Result]) -> None:
        sources = (value for r in results for value in r.source.values() if isinstance(value, str))
        roots = {str(Path(text)) for text in sources if Path(text).is_absolute()}
        roots |= {str(Path(text).parent) for text in roots if Path(text).suffix}  # a table beside its clips
        deep = (root for root in roots if len(Path(root).parts) > 1)
        self._roots = sorted(deep, key=lambda root: (-len(root), root))

    def hide(self, text: str) -> str:
        """Return text in which paths below these folders are relative, and others file names."""
        for root in self._roots:
            text = re.sub(re.escape(root) + r"[/\\]+(?=\w)", "", text)
            name = Path(root).name.replace("\\", r"\\")
            text = re.sub(re.escape(root) + r"(?!\w)", name, text)
        text = HOME.sub("~/", text)  # first: a user's name may have a space
        return ABSOLUTE.sub(lambda match: re.split(r"[/\\]+", match[0])[-1], text)


def without_folders(comparison: Comparison, results: Iterable[Result]) -> Comparison:
    """Return a comparison whose failed cells name no folder of the user."""
    hide = Folders(results).hide if comparison.failed else str
    return replace(comparison, failed=tuple(replace(f, reason=hide(f.reason)) for f in comparison.failed))


def relative_link(path: Path, page_folder: Path) -> str | None:
    """Return a link from the page to a file below its folder or below that folder's parent, else None.

    Folders that hold users' folders do not count, so that no link holds a user's name.

    >>> relative_link(Path("/home/anna/sounds/a b.wav"), Path("/home/anna/runs"))
    '../sounds/a%20b.wav'
    >>> relative_link(Path("/home/bob/sounds/a.wav"), Path("/home/anna"))
    """
    for base, prefix in ((page_folder, ""), (page_folder.parent, "../")):
        if path.is_relative_to(base) and len(base.parts) > SHARED_DEPTH:
            return prefix + quote(os.fsencode(path.relative_to(base).as_posix()))
    return None
