"""The screen of `run`: the recommendation and the verdict, the exits side by side, and where the pages are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exitladder.cli.screens.parts import facts, short_verdict
from exitladder.cli.screens.train import finding_text
from exitladder.cli.screens.tune import policies_text
from exitladder.cli.screens.tuned_book import accounts_text


def run_screen(found: Mapping[str, Any], out: str, width: int) -> str:
    """Return the screen of a whole run.

    Parameters
    ----------
    found : mapping
        What ``--format json`` prints.
    out : str
        The folder of the files.
    width : int
        Characters per line.

    Returns
    -------
    str
    """
    tuning, pair = found["tuning"], found["comparison"]["pairs"][0]
    n_open = found["n_open"]
    pairs = [
        ("model", finding_text(found["training"]) + (f" ({found['model']})" if found["model"] else "")),
        ("comparison", short_verdict(pair["verdict_text"])),
        *([("your plan", found["plan_text"])] if "plan_text" in found else []),
        ("open trades", f"{n_open:,}, with orders in {out}/today.html" if n_open else "none"),
        ("exit to use", f"{out}/tuned/recommended.toml"),
        ("summary page", found["page"]),
    ]
    return (
        f"{tuning['recommendation']}\n\n{short_verdict(tuning['verdict_text'])}\n\n"
        f"{tuning['n_test']:,} trades scored out of sample, R per trade\n"
        + policies_text(tuning["policies"], width)
        + "\n"
        + facts(pairs, width)
    )


def run_book_screen(found: Mapping[str, Any], out: str, width: int) -> str:
    """Return the screen of a whole run on a book.

    Parameters
    ----------
    found : mapping
        What ``--format json`` prints.
    out : str
        The folder of the files.
    width : int
        Characters per line.

    Returns
    -------
    str
    """
    tuning, n_open = found["tuning"], found["n_open"]
    pairs = [
        *((title.lower(), text) for title, text in found["found"].items() if title != "Numbers"),
        ("open trades", f"{n_open:,}; exitladder score lists their orders" if n_open else "none"),
        ("plan to use", f"{out}/tuned/recommended.toml"),
        ("summary page", found["page"]),
    ]
    return f"{tuning['recommendation']}\n\n{accounts_text(tuning, width)}\n" + facts(pairs, width)
