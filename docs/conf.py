"""How Sphinx makes a site of the pages: `make docs`.

The pages stay as they are read in a repository. The navigation is `docs/index.md`: each of its
headings is a part, and each link of its lists a page of that part.
"""

import re
import shutil
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parent.parent
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "Tandem"
version = release = _PROJECT["version"]
extensions = ["myst_parser"]
# The root of the repository is the source, so that CONTRIBUTING and the like are pages too.
root_doc = "README"
include_patterns = ["*.md", "docs/*.md", "docs/decisions/*.md", "benchmarks/README.md"]
exclude_patterns = [".*", "build"]
nitpicky = True
myst_heading_anchors = 4
highlight_language = "none"
html_theme = "furo"
html_title = f"Tandem {version}"
html_use_index = False
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["site.css"]
_QUIET = {"color-sidebar-link-text--top-level": "var(--color-foreground-secondary)"}
html_theme_options = {
    "light_css_variables": _QUIET | {"color-brand-primary": "#4453d6"},
    "dark_css_variables": _QUIET | {"color-brand-primary": "#97a2ff"},
}

_PART = re.compile(r"^## (.+)\n((?:(?!## ).*\n)*)", re.MULTILINE)
_PAGE = re.compile(r"^- \[([^]]+)\]\(([^)]+)\.md\)$", re.MULTILINE)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the navigation before pages are read, and the page that a site begins with after."""
    app.connect("source-read", _add_navigation)
    app.connect("build-finished", _write_index)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _add_navigation(_: Sphinx, page: str, source: list[str]) -> None:
    if page == root_doc:
        source[0] += _navigation((ROOT / "docs" / "index.md").read_text(encoding="utf-8"))
    elif page == "docs/decisions/README":
        source[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n[0-9]*\n```\n"


def _navigation(index: str) -> str:
    """A hidden table of contents for each part of the index."""
    parts = ["", "```{toctree}", ":hidden:", "", "docs/index", "```"]
    for part, lists in _PART.findall(index):
        pages = [f"{title} <{_from_root(path)}>" for title, path in _PAGE.findall(lists)]
        parts += ["", "```{toctree}", ":hidden:", f":caption: {part}", "", *pages, "```"]
    return "\n".join([*parts, ""])


def _from_root(path: str) -> str:
    """A link of `docs/index.md` as the name of a page."""
    return path.removeprefix("../") if path.startswith("../") else f"docs/{path}"


def _write_index(app: Sphinx, failure: Exception | None) -> None:
    if failure is None and app.builder.format == "html":
        shutil.copyfile(app.outdir / "README.html", app.outdir / "index.html")
