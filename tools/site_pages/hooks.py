"""Hooks of MkDocs: pages from the README, the notebooks and the program itself; links that fit the site."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from site_pages import links, notebooks, reference

ROOT = links.ROOT
# The order in which the notebooks are read.
NOTEBOOKS = (
    "own_bars", "main_job", "scaling_out", "turning_points", "model_judged", "tuning_honestly", "an_evening",
)  # fmt: skip


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Complete the navigation: every notebook, every page on design."""
    lists = {
        "Notebooks": [{title_of(path): f"notebooks/{path.stem}.md"} for path in notebook_files()],
        "Design": [{"Decisions": "design/index.md"}]
        + [{title_of(path): f"design/{path.name}"} for path in sorted((ROOT / "docs/design").glob("*.md"))],
    }
    fill(config.nav, lists)
    return config


def fill(nav: Any, lists: dict[str, list[Any]]) -> None:
    """Put lists into the empty sections of a navigation, by their names."""
    for item in nav:
        for name, value in item.items() if isinstance(item, dict) else ():
            if value == [] and name in lists:
                item[name] = lists[name]
            elif isinstance(value, list):
                fill(value, lists)


def notebook_files() -> list[Path]:
    """Return the notebooks in the order in which they are read; a new one comes last."""
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return sorted(paths, key=lambda p: NOTEBOOKS.index(p.stem) if p.stem in NOTEBOOKS else len(NOTEBOOKS))


def title_of(path: Path) -> str:
    """Return the first heading of a page or a notebook."""
    text = notebooks.notebook_page(path)[0] if path.suffix == ".ipynb" else path.read_text(encoding="utf-8")
    return next(line for line in text.splitlines() if line.startswith("# ")).removeprefix("# ")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""

    def add(place: str, content: str | bytes) -> None:
        files.append(File.generated(config, place, content=content))

    for source, place in links.PAGES.items():
        if source.endswith(".md"):
            text = (ROOT / source).read_text(encoding="utf-8")
            add(place, links.rewrite_links(text, source, place))
    add("design/index.md", reference.design_page(ROOT / "docs" / "design"))
    for path in notebook_files():
        page, pictures = notebooks.notebook_page(path)
        place = f"notebooks/{path.stem}.md"
        add(place, links.rewrite_links(page, f"notebooks/{path.name}", place))
        for name, content in pictures.items():
            add(f"notebooks/{name}", content)
    for name, write in reference.PAGES.items():
        add(f"reference/{name}.md", write())
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links of a page in docs/."""
    place = page.file.src_uri
    return markdown if page.file.generated_by else links.rewrite_links(markdown, f"docs/{place}", place)
