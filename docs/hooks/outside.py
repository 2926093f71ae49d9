"""Pages of the site that lie outside docs/: the README, the changelog, the examples; and links to them."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "README.md": "readme.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "LICENSE": "licence.md",
    "CITATION.cff": "citation.md",
    "examples": "examples.md",
}
FENCE = re.compile(r"^(`{3,})([\w-]+)[ \t]+[^\n`]+$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s:#]+)(#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=content(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead links that leave docs/ to the pages made here; leave only the language of a fence."""
    folder = posixpath.dirname(page.file.src_uri)
    home = "" if page.file.src_uri in PAGES.values() else posixpath.join("docs", folder)

    def moved(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(home, match[1]))
        return f"]({posixpath.relpath(to_page(target), folder or '.')}{match[2] or ''})"

    return FENCE.sub(r"\1\2", LINK.sub(moved, markdown))


def to_page(target: str) -> str:
    """Return the page of a path of the repository.

    >>> to_page("docs/lab/measured.md"), to_page("examples/sweep.yaml"), to_page("CHANGELOG.md")
    ('lab/measured.md', 'examples.md', 'changelog.md')
    """
    if target.startswith("docs/"):
        return target.removeprefix("docs/")
    return PAGES.get(target.split("/")[0], target)


def content(path: Path) -> str:
    """Return the page of a file or folder."""
    if path.is_dir():
        return examples(path)
    text = path.read_text(encoding="utf-8")
    return text if path.suffix == ".md" else f"# {path.stem.capitalize()}\n\n```text\n{text.rstrip()}\n```\n"


def examples(folder: Path) -> str:
    """Return a page with every file of the folder."""
    parts = ["# Examples", "Scripts and configurations that run on built-in clips, or on a folder of yours."]
    for path in sorted([*folder.glob("*.py"), *folder.glob("*.yaml")]):
        language = "python" if path.suffix == ".py" else "yaml"
        parts.append(f"## {path.name}\n\n```{language}\n{path.read_text(encoding='utf-8').rstrip()}\n```")
    return "\n\n".join(parts) + "\n"
