"""The page of a tuning of a book, built from the files of its run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from exitladder.pipelines.comparison.books import acted_when
from exitladder.pipelines.pages.account import acted_table
from exitladder.pipelines.pages.page import KeyNumber, PageContent, PageTable, PictureGroup, Tone
from exitladder.pipelines.pages.tables import data_rows, unsaid_notes
from exitladder.pipelines.pages.tuning import facts_of_run, links_of_run, reproduction_of
from exitladder.pipelines.plots.pictures import account_picture
from exitladder.pipelines.tracking.saved_files import read_json, read_saved_table
from exitladder.pipelines.tuning.book.evidence import LABELS, in_units
from exitladder.plans.provenance import without_fingerprints

_METHOD = (
    "The exit of each trade stays as the plan states it. Before each part, every combination of numbers is judged by "
    "its account at the closes before the part.",
    "One account goes on from part to part. It begins with your own numbers; at each cut only the numbers change, and "
    "no position is closed for it. The accounts compared are the same up to the first cut.",
    "All measures are shares of the starting equity at daily closes, without reinvestment. Intervals resample blocks "
    "of calendar days of both accounts together; p-values are adjusted for all measures of all comparisons (Holm).",
)


def is_book(result: Mapping[str, Any]) -> bool:
    """Whether a ``tune.json`` is that of a book."""
    return result.get("kind") == "book"


def tuned_book_page(folder: Path) -> PageContent:
    """Return the page of a tuning of a book from its files.

    Parameters
    ----------
    folder : path
        The ``--out`` folder of ``exitladder tune``, or the artifacts of such a run.

    Returns
    -------
    PageContent

    Raises
    ------
    InputFileError
        If one of the files cannot be read.
    """
    result = read_json(folder / "tune.json")
    run = read_json(folder / "run.json") if (folder / "run.json").is_file() else {}
    return PageContent(
        title="Tuned book",
        subtitle=f"{result['n_test']:,} of {result['n_trades']:,} trades entered out of sample, "
        f"{result['n_days']:,} days from {result['first_day']} to {result['last_day']}",
        recommendation=result["recommendation"],
        verdict=result["verdict"],
        verdict_text=result["verdict_text"],
        key_numbers=_key_numbers(result),
        tables=[_accounts(result), _comparisons(result), _numbers(result), _folds(result)],
        groups=_groups(folder),
        data_notes=[*facts_of_run(run), *data_rows(result.get("data", {}))],
        warnings=unsaid_notes(result),
        ladder_toml=without_fingerprints((folder / "recommended.toml").read_text(encoding="utf-8")),
        method=_METHOD,
        reproduction=reproduction_of(run) if run else None,
        links=links_of_run(run),
    )


def _key_numbers(result: Mapping[str, Any]) -> list[KeyNumber]:
    found = []
    for one in result["comparisons"]:
        measure = one["measures"][result["measure"]]
        label = LABELS[result["measure"]][0]
        low, high = measure["low"], measure["high"]
        note = "" if low is None else f"[{in_units(low, result['measure'])}, {in_units(high, result['measure'])}]"
        tone: Tone = {"better": "good", "worse": "bad"}.get(one["kind"], "")  # type: ignore[assignment]
        name = f"{label}: {one['candidate']} minus {one['baseline']}"
        found.append(KeyNumber(name, in_units(measure["difference"], result["measure"]) or "–", note, tone))
    return found


def _accounts(result: Mapping[str, Any]) -> PageTable:
    rows = [
        {"Account": row["account"]}
        | {label: in_units(row[name], name).replace("-", "−") for name, (label, _) in LABELS.items()}
        for row in result["accounts"]
    ]
    return PageTable(
        "Accounts out of sample",
        f"From the first cut on, with {result['equity']:,.0f} at the start, as shares of it. The last row takes every "
        "entry, whatever money it needs.",
        pd.DataFrame(rows),
    )


def _comparisons(result: Mapping[str, Any]) -> PageTable:
    rows = []
    for one in result["comparisons"]:
        for name, found in one["measures"].items():
            ends = "" if found["low"] is None else f" [{in_units(found['low'], name)}, {in_units(found['high'], name)}]"
            rows.append(
                {
                    "Comparison": f"{one['candidate']} minus {one['baseline']}",
                    "Measure": LABELS[name][0],
                    "Difference": (in_units(found["difference"], name) + ends).replace("-", "−"),
                    "p (adjusted)": "" if found["p_adjusted"] is None else f"{found['p_adjusted']:.3f}",
                    "Days apart": f"{one['n_days_apart']:,}",
                }
            )
    caption = f"{LABELS[result['measure']][0]} decides (tuning.book_objective = {result['objective']!r})."
    return PageTable("Comparisons", caption, pd.DataFrame(rows))


def _numbers(result: Mapping[str, Any]) -> PageTable:
    rows = [
        {
            "Number": row["number"],
            "Yours": _number(row["own"]),
            "Best on all days": _number(row["tuned"]),
            "Tried": ", ".join(map(_number, row["values"])),
        }
        for row in result["numbers"]
    ]
    caption = (
        f"{result['n_trials']:,} plans tried, yours and the one without limits included; all values have "
        f"{result['n_possible']:,} combinations."
    )
    return PageTable("Numbers", caption, pd.DataFrame(rows))


def _folds(result: Mapping[str, Any]) -> PageTable:
    rows = [
        {
            "Part from": row["from"][:10],
            "Trades": f"{row['n_trades']:,}",
            "Chosen before it": row["numbers"],
            "Objective before it": _number(row["objective"]),
            "Yours": _number(row["own_objective"]),
        }
        for row in result["folds"]
    ]
    return PageTable("Chosen before each part", "By the closes before the part alone.", pd.DataFrame(rows))


def _number(value: float | None) -> str:
    return "none" if value is None else format(value, ".4g").replace("-", "−")


def _groups(folder: Path) -> list[PictureGroup]:
    curve, actions = (
        read_saved_table(folder / name, {"trade_id": str}).assign(
            close_time=lambda t: pd.to_datetime(t["close_time"], utc=True)
        )
        for name in ("book.csv", "book_actions.csv")
    )
    acted = acted_table(acted_when(actions))
    table = PageTable("Which limit acted when", "Closes at which it decided something.", acted) if len(acted) else None
    text = "The walk-forward account: your own numbers up to the first cut, then those chosen before each part."
    return [PictureGroup("The account", [account_picture(curve, actions)], text, table=table)]
