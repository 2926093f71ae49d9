"""What every page shares: templates that escape, a policy that loads nothing, and assets put inside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

STYLES = ("base.css", "tables.css", "clips.css")


def environment() -> Environment:
    """Return templates that escape every value, and fail at one that is not there."""
    return Environment(
        loader=PackageLoader("elmarc.reports"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def assets(names: Sequence[str]) -> Markup:
    """Return files of the folder `assets`, one after the other."""
    folder = files("elmarc.reports").joinpath("assets")
    return Markup("".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names))


def policy(script: str, style: str) -> Markup:
    """Return a policy that runs this script and this style sheet alone and loads nothing from anywhere.

    Parameters
    ----------
    script : str
        "" where none may run.
    style : str
    """
    runs = _hash(script) if script else "'none'"
    return Markup(
        f"default-src 'none'; script-src {runs}; style-src {_hash(style)}; "
        "img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
