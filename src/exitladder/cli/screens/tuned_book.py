"""The screen of `tune` for a book: what to do, the accounts side by side, the numbers chosen before each part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exitladder.cli.screens.parts import facts, share, signed, texts_table


def tuned_book_screen(found: Mapping[str, Any], out: str, width: int) -> str:
    """Return the screen of a tuning of a book.

    Parameters
    ----------
    found : mapping
        The content of ``tune.json``, with ``recommendation`` and ``run_id``.
    out : str
        The folder of the files.
    width : int
        Characters per line.

    Returns
    -------
    str
    """
    numbers = [
        {"number": row["number"], "yours": _number(row["own"]), "best on all days": _number(row["tuned"]),
         "tried": ", ".join(map(_number, row["values"]))}
        for row in found["numbers"]
    ]  # fmt: skip
    parts = [
        {"part from": f"{row['from']:.10}", "trades": f"{row['n_trades']:,}", "chosen before it": row["numbers"]}
        for row in found["folds"]
    ]
    lines = [
        found["recommendation"] + "\n",
        accounts_text(found, width),
        f"{_name(found['measure'])}, difference [CI]\n"
        + texts_table([_compared(row, found["measure"]) for row in found["comparisons"]], width),
        "Chosen before each part, from the closes before it\n" + texts_table(parts, width),
        f"Numbers of the book, {found['n_trials']:,} plans tried\n" + texts_table(numbers, width),
        facts([("notes", " ".join(found["data"].get("notes", [])))], width),
        f"The plan to use: {out}/recommended.toml. All on one page: {out}/index.html\n"
        f"The account: {out}/book.csv    (run {found['run_id']})\n",
    ]
    return "\n".join(lines)


def accounts_text(found: Mapping[str, Any], width: int) -> str:
    """Return the accounts side by side.

    Parameters
    ----------
    found : mapping
        The content of ``tune.json``.
    width : int
        Characters per line.

    Returns
    -------
    str
    """
    days = f"{found['n_days']:,} days out of sample, {found['first_day']} to {found['last_day']}\n"
    return days + texts_table([_account(row) for row in found["accounts"]], width)


def _name(measure: str) -> str:
    return {"sharpe_daily": "Sharpe ratio", "calmar": "Calmar ratio", "return_per_year": "Return per year"}[measure]


def _account(row: Mapping[str, Any]) -> dict[str, Any]:
    year, fall = row["return_per_year"], row["max_drawdown"]
    return {
        "account": row["account"],
        "a year": "" if year is None else f"{year:+.1%}",
        "Sharpe": signed(row["sharpe_daily"], 2),
        "drawdown": share(fall),
        "Calmar": signed(row["calmar"], 2),
        "CVaR 5%": "" if row["cvar_5_daily"] is None else f"{row['cvar_5_daily']:.2%}",
    }


def _compared(row: Mapping[str, Any], measure: str) -> dict[str, Any]:
    one = row["measures"][measure]
    scale, unit = (100.0, "%") if measure == "return_per_year" else (1.0, "")
    ends = {key: None if one[key] is None else one[key] * scale for key in ("difference", "low", "high")}
    interval = "" if ends["low"] is None else f" [{signed(ends['low'], 2)}, {signed(ends['high'], 2)}]"
    return {
        "account": f"{row['candidate']} minus {row['baseline']}",
        "difference": f"{signed(ends['difference'], 2)}{unit}{interval}",
        "p (adj.)": "" if one["p_adjusted"] is None else f"{one['p_adjusted']:.3f}",
        "": row["kind"].replace("_", " "),
    }


def _number(value: float | None) -> str:
    return "none" if value is None else format(value, ".4g")
