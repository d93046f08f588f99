"""The site that `make docs` makes of the pages: whole, and without anything from elsewhere."""

import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

ROOT = Path(__file__).parent.parent
STRANGE = re.compile(r"""(?:url\(|@import\s)\s*["']?(?:https?:)?//""")
LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}


class Page(HTMLParser):
    """What a page names, loads and links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names = set[str]()
        self.loaded = list[str]()
        self.links = list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"id", "name"} and value:
                self.names.add(value)
            elif (tag, name) in LOADED and value:
                self.loaded.append(value)
            elif (tag, name) == ("a", "href") and value:
                self.links.append(value)


@cache
def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def sphinx(source: Path, into: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    folders = ["-c", ROOT / "docs", "-d", into / "doctrees", source, into / "site"]
    return subprocess.run([*command, *folders], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("docs")
    made = sphinx(ROOT, into)
    assert made.returncode == 0, made.stderr
    return into / "site"


def is_foreign(address: str) -> bool:
    return address.startswith(("http:", "https:", "//"))


def test_every_link_of_the_site_leads_to_a_page_and_a_place_in_it(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 100
    for page in pages:
        for link in filter(lambda link: not is_foreign(link), read(page).links):
            path, place = urldefrag(unquote(link))
            to = (page.parent / path).resolve() if path else page
            assert to.exists(), f"{page.name}: {link}"
            if place and to.suffix == ".html":
                assert place in read(to).names, f"{page.name}: {link}"


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert not list(filter(is_foreign, read(page).loaded)), page.name
    for sheet in site.rglob("*.css"):
        assert not STRANGE.search(sheet.read_text(encoding="utf-8")), sheet.name


def test_the_site_begins_with_the_readme_and_leads_to_every_page_in_four_parts(site: Path) -> None:
    begin = (site / "index.html").read_text(encoding="utf-8")
    parts = re.findall(r'<span class="caption-text">([^<]+)</span>', begin)
    assert parts == ["Tutorial", "How-to", "Reference", "Explanation"]
    reached = {urldefrag(link).url for link in Page(begin).links}
    for page in (ROOT / "docs").glob("*.md"):
        assert f"docs/{page.stem}.html" in reached, page.name


def test_a_broken_link_and_a_broken_anchor_fail_the_build(tmp_path: Path) -> None:
    text = "# A page\n\n[gone](docs/gone.md) and [nowhere](CHANGELOG.md#nowhere)\n"
    (tmp_path / "README.md").write_text(text)
    (tmp_path / "CHANGELOG.md").write_text("# Changes\n")
    made = sphinx(tmp_path, tmp_path)
    assert made.returncode == 1
    assert "'docs/gone.md' [myst.xref_missing]" in made.stderr
    assert "'nowhere' [myst.xref_missing]" in made.stderr
