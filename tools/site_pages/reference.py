"""Reference pages written from the program itself, so that they cannot go stale."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import click

from exitladder import _HOMES
from exitladder.cli import main
from exitladder.measures.exits.catalogue import measures_of
from exitladder.pipelines.advice.schema import score_schema
from exitladder.plans.adds import Add, AddRules
from exitladder.plans.costs import Costs
from exitladder.plans.ladder import Execution, Ladder, Rung, Stop
from exitladder.plans.limits import Book, Limit, Risk
from exitladder.plans.size import Size
from exitladder.settings.tables import Settings, plain
from exitladder.settings.template import LADDER_TOML, _comment, _documented
from exitladder.trades.files import OPTIONAL, REQUIRED
from exitladder.trades.fills import FILL_COLUMNS
from site_pages import meanings

_NOTE = "*This page is generated from the program when the site is built.*"


def commands_page() -> str:
    """Return every command with its help, its options and its example."""
    lines = ["# Commands", "", _NOTE, "", "Every command also has `--help`."]
    for path, command in _commands(main, ()):
        lines += ["", f"## exitladder {' '.join(path)}", "", *_help(command), ""]
        context = click.Context(command)
        usage = " ".join(p.make_metavar(context) for p in command.params if isinstance(p, click.Argument))
        lines += ["```text", f"exitladder {' '.join(path)} [OPTIONS] {usage}".rstrip(), "```", ""]
        rows = [
            (
                ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts)),
                _cell(option.make_metavar(context)) if not option.is_flag else "",
                _cell(option.help or "") + (" Required." if option.required else ""),
            )
            for option in command.params
            if isinstance(option, click.Option) and not option.hidden
        ]
        lines += [*_table(("option", "value", "meaning"), rows), ""]
        if command.epilog:
            example = inspect.cleandoc(command.epilog).replace("\b", "").removeprefix("Example:")
            lines += ["```sh", example.strip("\n"), "```"]
    return _dedented_code("\n".join(lines)) + "\n"


def settings_page() -> str:
    """Return every key of exitladder.toml with its default and meaning."""
    lines = [
        "# Settings", "", _NOTE, "",
        "Keys of `exitladder.toml`. `exitladder init` writes the file with these comments; `--set TABLE.KEY=VALUE` "
        "overrides one key.",
    ]  # fmt: skip
    settings = Settings()
    for part in fields(settings):
        table = getattr(settings, part.name)
        text = (inspect.getdoc(type(table)) or "").splitlines()[0]
        lines += ["", f"## {part.name}", "", text, ""]
        if part.name in ("symbols", "currencies"):
            lines.append("The keys are your own symbols or currencies: see [your data](../your_data.md).")
            continue
        documented = _documented(type(table))
        rows = [
            (
                f"`{part.name}.{key.name}`",
                f"`{_value(plain(getattr(table, key.name)))}`",
                _cell(_comment(key, documented)),
            )
            for key in fields(table)
        ]
        lines += _table(("key", "default", "meaning"), rows)
    return "\n".join(lines) + "\n"


def ladder_page() -> str:
    """Return every key of a ladder file."""
    tables: list[tuple[str, type[Any], str]] = [
        ("Ladder", Ladder, "At the top of the file."),
        ("[[rungs]]", Rung, "One table for each step of the ladder."),
        ("[[adds]]", Add, "Adds to the position: see [position plans](../plans.md)."),
        ("[size]", Size, "The size of the position."),
        ("[add_rules]", AddRules, "When adds are withdrawn."),
        ("[[limits]]", Limit, "Limits of risk of each position: see [books](../books.md)."),
        ("[risk]", Risk, "Estimates of volatility and value at risk."),
        ("[book]", Book, "The account that trades the plan, and its limits (`[[book.limits]]`)."),
        ("[stop]", Stop, "Rules of the stop."),
        ("[costs]", Costs, "Costs and steps of the market. `backtest` warns if they differ from the settings."),
        ("[execution]", Execution, "Assumptions about fills: see [execution rules](../execution.md)."),
    ]
    lines = [
        "# Ladder keys", "", _NOTE, "", "A ladder is a TOML file. `exitladder init` writes this one:", "", "```toml",
        LADDER_TOML.strip(), "```",
    ]  # fmt: skip
    in_files = {"sells_rest": 'fraction = "rest"', "hours": 'time = "6h"', "sessions": 'time = "3 sessions"'}
    for title, kind, text in tables:
        documented = _documented(kind)
        rows = []
        for key in fields(kind):
            is_table = kind is Ladder and is_dataclass(getattr(Ladder(), key.name))
            if is_table or key.name in ("rungs", "adds", "limits", "tuned"):
                continue
            value = "" if key.default is MISSING else _value(key.default)
            meaning = _OTHER.get(key.name, documented.get(key.name, ""))
            rows.append((f"`{in_files.get(key.name, key.name)}`", f"`{value}`" if value else "", _cell(meaning)))
        lines += ["", f"## {title}", "", text, "", *_table(("key", "default", "meaning"), rows)]
    return "\n".join(lines) + "\n"


_OTHER = {
    "name": "Name of the ladder in tables and pages.",
    "atr_window": "Bars of Wilder's ATR, used by targets, stops and trails.",
    "fraction": "Share of the original quantity to sell.",
    "method": "Estimate of value at risk: `historical`, `parametric` or `filtered`.",
    "target": "Price at which a limit order rests: R, ATR, %, a price, a Fibonacci extension or a swing level.",
    "when": "Conditions that must all hold at the close of a bar; the order fills at the next open.",
}


_ABOUT = {
    "trades.csv": "Written by `backtest`, `tune` and others; one row per trade. In that of a backtest, the measures of "
    "`exit_quality.csv` follow.",
    "fills.csv": "One row per fill.",
    "book.csv": "Of a plan with a book or limits: the account at every close.",
    "after_exit.csv": "One row per closed trade: see [after the exit](../statistics.md#after-the-exit).",
    "exit_quality.csv": "One row per exit and closed trade, also `--out` of `trades exits`: see "
    "[exit quality](../exits.md). Columns that begin with `hindsight_` use prices not known at the exit.",
    "folds.csv": "Of `tune`: one row per test part.",
    "net_r.csv": "Of `tune`: one row per trade.",
    "trials.csv": "Of `tune`: one row per candidate of the last search.",
    "importance.csv": "Of `tune`: which parameters matter.",
    "slices.csv": "Of `tune`: the tuned ladder with one parameter changed.",
    "neighbours.csv": "Of `tune`: one row per ladder next to the tuned one.",
    "stability.csv": "Of `tune`: the parameters of the ladders of all parts.",
    "front.csv": "Of `tune` with several objectives: the candidates that no other beats.",
    "objectives.csv": "Of `tune`: the objectives of all candidates.",
    "policies.csv": "Of `demo`: one row per exit.",
    "entries.csv": "Of `demo`: its trades, in the format of trades that you bring.",
    "calibration_by_group.csv": "Of a run of `train`: how well the probabilities hold, and for whom.",
    "drift.csv": "Of a run of `score`: see [drift](../using_a_model.md#drift).",
}


def columns_page() -> str:
    """Return the columns of the tables that exitladder reads and writes, each with its unit and meaning."""
    lines = [
        "# Columns", "", _NOTE, "",
        "Times are UTC. R is the result over the initial risk, see the [glossary](../glossary.md).",
    ]  # fmt: skip
    heads = ("column", "unit", "meaning")

    def rows(known: meanings.Meanings, names: Iterable[str]) -> list[tuple[str, str, str]]:
        return [(f"`{name}`", known[name][0], known[name][1]) for name in names]

    for title, text, known, names in (
        ("Trades that you bring: required", "See [your data: trades](../your_data.md).", meanings.BROUGHT, REQUIRED),
        (
            "Trades that you bring: optional", "The same page says what follows if a column is absent.",
            meanings.BROUGHT, OPTIONAL,
        ),
        ("Fills that you bring", "Given with `--fills`; one row per execution.", meanings.FILLS_BROUGHT, FILL_COLUMNS),
    ):  # fmt: skip
        lines += ["", f"## {title}", "", text, "", *_table(heads, rows(known, names))]
    for name, text in _ABOUT.items():
        patterns = [(f"`{_plain(p)}`", unit, meaning) for p, unit, meaning in meanings.PATTERNS.get(name, ())]
        table = _table(heads, [*rows(meanings.FILES[name], meanings.FILES[name]), *patterns])
        lines += ["", f"## {name}", "", text, "", *table]
    lines += ["", "## Scores", "", "One row per open trade, written by `score`; the published schema is "
              "[score.schema.json](../score.schema.json).", ""]  # fmt: skip
    found = score_schema()["items"]["properties"]
    scores = [(f"`{name}`", _cell(_types(entry)), _cell(entry["description"])) for name, entry in found.items()]
    return "\n".join([*lines, *_table(("column", "type", "meaning"), scores)]) + "\n"


def measures_page() -> str:
    """Return the measures of exits, of paired comparisons and of a backtest."""
    from exitladder.statistics.metrics import __doc__ as about
    from exitladder.statistics.paired_days.measures import compare_measures

    rows = [(f"`{m.name}`", _cell(m.label), m.group, "yes" if m.is_hindsight else "") for m in measures_of([])]
    lines = [
        "# Measures", "", _NOTE, "",
        "The measures in `summary.json` are explained in [statistics](../statistics.md#measures-in-summaryjson).", "",
        *(about or "").splitlines()[2:], "", "## Exit quality", "",
        "`exitladder trades exits`, and `exit_quality` in `summary.json`; see [exit quality](../exits.md).", "",
        *_table(("measure", "label", "trades", "hindsight"), rows), "", "## Comparison of two exits", "",
        "`exitladder compare`, by measure:", "",
        _returns(compare_measures),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def python_page() -> str:
    """Return the directives that make mkdocstrings write the public names of the package."""
    groups = {
        "Commands": (
            "train",
            "tune",
            "backtest",
            "score",
            "compare",
            "report",
            "run",
            "measure_exits",
            "export",
            "promote",
            "rollback",
            "promotion_history",
        ),
        "Data": (
            "read_bars",
            "read_trades",
            "import_trades",
            "load_sample_bars",
            "make_trades",
            "place_trades",
            "features_frame",
        ),
        "Ladders": ("Ladder", "Costs", "read_ladder", "ladder_from_mapping", "simulate"),
        "Settings": ("Settings", "load_settings", "ExitladderError"),
    }
    rest = [name for name in _HOMES if not any(name in names for names in groups.values())]
    lines = ["# Python", "", _NOTE, "", "`import exitladder` is quick; each name loads its modules at first use."]
    for title, names in {**groups, "Estimators": tuple(rest)}.items():
        lines += ["", f"## {title}"]
        for name in names:
            lines += ["", f"::: {_definition(name)}"]
    return "\n".join(lines) + "\n"


def design_page(folder: Path) -> str:
    """Return the list of pages on design decisions, each with its first sentence."""
    lines = ["# Design", "", "Why exitladder is built this way: one page per decision.", ""]
    for path in sorted(folder.glob("*.md")):
        title = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "commands": commands_page, "settings": settings_page, "ladder": ladder_page, "columns": columns_page,
    "measures": measures_page, "python": python_page,
}  # fmt: skip


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), name)
            assert found is not None
            yield from _commands(found, (*path, name))
        if not command.invoke_without_command:
            return
    if path:
        yield path, command


def _definition(name: str) -> str:
    """Return the dotted path of the definition of a public name, which a package may re-export."""
    import exitladder

    value = getattr(exitladder, name)
    return f"{value.__module__}.{value.__qualname__}"


def _help(command: click.Command) -> list[str]:
    text = inspect.cleandoc(command.help or "").replace("\b", "")
    return [re.sub(r"(?<![\w`*])\*(?!\s)", r"\\*", line) for line in text.splitlines()]


def _types(entry: dict[str, Any]) -> str:
    kind = entry.get("type", "")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _plain(pattern: str) -> str:
    """Return a pattern of column names as people read it."""
    return {r".+": "…", r"\d{4}-\d\d-\d\d": "YYYY-MM-DD"}.get(
        pattern, pattern.replace("(first|last)", "…").replace(".+", "…")
    )


def _returns(function: Callable[..., Any]) -> str:
    text = (inspect.getdoc(function) or "").split("Returns\n-------\n")[1].split("\n", 1)[1]
    return " ".join(inspect.cleandoc(text).split())


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    return "" if value is None else f'"{value}"' if isinstance(value, str) else str(value)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("``", "`")


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *(f"| {' | '.join(row)} |" for row in rows)]


def _dedented_code(text: str) -> str:
    """Return a page whose code blocks begin at the left."""
    return re.sub(
        r"```sh\n(.*?)\n```", lambda m: f"```sh\n{inspect.cleandoc(chr(10) + m[1])}\n```", text, flags=re.DOTALL
    )
