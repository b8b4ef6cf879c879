"""The page of a tuning, built from the files of its run."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from exitladder.files.output import Content, write_folder, write_text
from exitladder.pipelines.inputs.job import Job
from exitladder.pipelines.pages.first_lines.danger import danger_text
from exitladder.pipelines.pages.interactive.data import equity_data, trades_data
from exitladder.pipelines.pages.page import (
    KeyNumber,
    PageContent,
    PageLink,
    PageTable,
    PictureGroup,
    Reproduction,
    Tone,
    page_html,
)
from exitladder.pipelines.pages.tables import (
    account_table,
    before_or_after,
    data_rows,
    fold_table,
    limited_table,
    open_rows,
    recommendation_tables,
    unsaid_notes,
    what_if_group,
)
from exitladder.pipelines.plots.data import Reliability
from exitladder.pipelines.plots.examples import TradeExample, example_trades
from exitladder.pipelines.plots.picture import Picture
from exitladder.pipelines.plots.pictures import (
    diagnostic_pictures,
    example_pictures,
    is_silent,
    ladder_picture_of,
    policy_pictures,
    summary_pictures,
    trades_pictures,
)
from exitladder.pipelines.plots.what_if import what_if
from exitladder.pipelines.tracking.provenance import describe_bars, describe_trades, versions
from exitladder.pipelines.tracking.run import TrackedRun
from exitladder.pipelines.tracking.saved_files import read_json, read_saved_table
from exitladder.pipelines.tuning.diagnostics import LadderDiagnostics, Plateau
from exitladder.pipelines.tuning.policies import TUNED
from exitladder.pipelines.tuning.recommendation.recommended import model_note
from exitladder.pipelines.tuning.tuned import Tuned
from exitladder.plans.file import read_ladder
from exitladder.plans.ladder import Ladder
from exitladder.plans.provenance import without_fingerprints
from exitladder.plans.words import in_words

PAGE = "index.html"
# What the page shows of the model that the ladders read; not the model itself.
MODEL_SUMMARY = "model_summary.json"
_TEXTS = {"trade_id": str, "symbol": str}
# example trades drawn where the chart to choose from is not, as in print
N_DRAWN = 4
_TRADES_TEXT = "Choose a trade of the last test part to see its bars, its stop as it moved, its targets and its sales."


@dataclass(frozen=True)
class PageHead:
    """Texts of the page other than the results.

    Parameters
    ----------
    title : str
    command : str
        The command that made the run, as it was typed; empty if it was made from Python.
    notes : tuple of (str, str)
        Facts on the bars, such as how many were repaired.
    links : tuple of PageLink
        The other pages of a whole run, addressed from the folder of the page.
    warnings : tuple of str
        To be read before the numbers.
    """

    title: str = "Tuned ladder"
    command: str = ""
    notes: tuple[tuple[str, str], ...] = ()
    links: tuple[PageLink, ...] = ()
    warnings: tuple[str, ...] = ()


def page_files(job: Job, tuned: Tuned, run_id: str, head: PageHead) -> dict[str, Content]:
    """Return the files, by name, that the page needs besides those of the tuning.

    Parameters
    ----------
    job : Job
    tuned : Tuned
    run_id : str
    head : PageHead

    Returns
    -------
    dict of str to content
        ``run.json`` (how to get the same numbers again), ``examples.json`` (some trades, bar by bar) and
        ``what_if.json`` (other stops and targets on all trades).
    """
    by_ladder = [part for part in tuned.parts if not part.keeps_own_exits and len(part.simulation)]
    examples = example_trades(by_ladder[-1].simulation, by_ladder[-1].signals) if by_ladder else []
    longest = tuned.walk.longest[0] if tuned.walk.longest else max(job.settings.search.time_bars)
    grid = what_if(tuned.placed, tuned.base, tuned.walk, longest, job.settings.intervals)
    return {
        "run.json": run_file(job, run_id, head),
        "examples.json": {"examples": [example.to_mapping() for example in examples]},
        "what_if.json": grid.to_mapping(),
    }


def run_file(job: Job, run_id: str, head: PageHead) -> dict[str, Any]:
    """Return the content of ``run.json``: how to get the same numbers again.

    Parameters
    ----------
    job : Job
    run_id : str
    head : PageHead

    Returns
    -------
    dict
    """
    return {
        "title": head.title,
        "command": head.command,
        "run_id": run_id,
        "seed": job.settings.project.seed,
        "confidence": job.settings.validation.confidence,
        "risk_per_trade": job.settings.tuning.risk_per_trade,
        "versions": versions(),
        **describe_bars(job.bars),
        **describe_trades(job.trades),
        "notes": [list(note) for note in head.notes],
        "warnings": list(head.warnings),
        "links": [[link.title, link.address] for link in head.links],
    }


def write_tuning(out: Path, files: Mapping[str, Content], run: TrackedRun) -> None:
    """Write the files of a tuning and its page into a folder, and record both with the pictures.

    Parameters
    ----------
    out : path
        The folder; files in it of other names stay and are not shown.
    files : mapping of str to content
        By name: those of `tuned_files` and `page_files`, and, to be shown too, `MODEL_SUMMARY` (the summary of the
        model that the ladders read) and ``scores.csv`` (advice on open trades).
    run : TrackedRun

    Raises
    ------
    OutputFileError
        If the folder cannot be written.
    """
    written = {**files, "run.json": {**cast("dict[str, Any]", files["run.json"]), "files": sorted(files)}}
    write_folder(out, written)
    page = tuning_page(out)
    write_text(page_html(page), out / PAGE)
    run.log_files(written)
    run.log_artifact(out / PAGE)
    for name, image in page_pictures(page).items():
        run.log_artifact(image, name)


def page_pictures(page: PageContent) -> dict[str, bytes]:
    """Return the pictures of a page as files, by name; several of one kind are numbered."""
    every = [picture for group in page.groups for picture in group.drawn]
    kinds = [picture.kind for picture in every]
    names = [kind if kinds.count(kind) == 1 else f"{kind}_{kinds[:k].count(kind) + 1}" for k, kind in enumerate(kinds)]
    return {f"pictures/{name}.svg": picture.image for name, picture in zip(names, every, strict=True)}


def tuning_page(folder: Path) -> PageContent:
    """Return the page of a tuning from its files; what an older version did not write is left out.

    Parameters
    ----------
    folder : path
        The ``--out`` folder of ``exitladder tune`` or ``exitladder demo``, or the artifacts of such a run.

    Raises
    ------
    InputFileError
        If one of the files cannot be read.
    """
    result = read_json(folder / "tune.json")
    run = read_json(folder / "run.json") if (folder / "run.json").is_file() else {}
    policies, folds = pd.DataFrame(result["policies"]), pd.DataFrame(result["folds"])
    shown = frozenset(run.get("files", ()))
    groups, charts = _groups(folder, result, policies, shown)
    return PageContent(
        title=run.get("title") or "Tuned ladder",
        subtitle=_subtitle(result, run),
        # Until version 0.2 a tuning recommended nothing.
        recommendation=result.get("recommendation", ""),
        danger=danger_text(result, run),
        verdict=result["verdict"],
        verdict_text=result["verdict_text"],
        key_numbers=_key_numbers(result, policies, run.get("confidence")),
        policies=policies,
        candidate=TUNED,
        tables=[
            *_recommendation_tables(result),
            fold_table(folds),
            account_table(pd.DataFrame(result["continuous"])),
            *limited_table(result.get("account") or []),
        ],
        groups=groups,
        charts=charts,
        data_notes=[
            *facts_of_run(run),
            *data_rows(result.get("data", {})),
            *_counts(folder, result, shown),
            *open_rows(result),
        ],
        warnings=[*map(str, run.get("warnings", [])), *unsaid_notes(result)],
        open_trades=_open_trades(folder, shown),
        ladder_toml=without_fingerprints((folder / "ladder.toml").read_text(encoding="utf-8")),
        method=_method(result),
        reproduction=reproduction_of(run) if run else None,
        links=links_of_run(run),
    )


def _open_trades(folder: Path, shown: frozenset[str]) -> pd.DataFrame | None:
    """Return the advice on open trades; without probabilities if the model has no edge, since nothing acts on them."""
    if "scores.csv" not in shown:
        return None
    table = read_saved_table(folder / "scores.csv", _TEXTS)
    has_edge = _model(folder, shown).get("finding", "edge") == "edge"
    return table if has_edge else table.drop(columns="exhaustion", errors="ignore")


def _model(folder: Path, shown: frozenset[str]) -> dict[str, Any]:
    """Return the summary of the model; empty without one."""
    # Until version 0.2 the name was "model.json", as in the folder of a model.
    named = [name for name in (MODEL_SUMMARY, "model.json") if name in shown]
    return read_json(folder / named[0]) if named else {}


def links_of_run(run: Mapping[str, Any]) -> list[PageLink]:
    """Return the links that ``run.json`` has to the other pages of a whole run."""
    return [PageLink(str(title), _relative(str(address))) for title, address in run.get("links", [])]


def _relative(address: str) -> str:
    """Return an address inside the folders of a run, nothing for one that leads anywhere else."""
    return address if re.fullmatch(r"(\.\./)?[\w.-]+(/[\w.-]+)?", address) else ""


def _recommendation_tables(result: Mapping[str, Any]) -> list[PageTable]:
    parts, evidence = result.get("recommended_parts", []), result.get("recommended_evidence", [])
    if not parts:
        return []
    facts = result["recommended"]
    return recommendation_tables(pd.DataFrame(parts), pd.DataFrame(evidence), facts, model_note(facts))


def _subtitle(result: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    scored = f"{result['n_test']:,} trades scored from {result['test_from'][:10]} on"
    if not run:
        return f"{result['n_training_final']:,} trades tuned on; {scored}"
    symbols = run["symbols"] if run["n_symbols"] <= 8 else f"{run['n_symbols']:,} symbols"
    return f"{symbols}, {run['interval']} bars from {run['first_bar'][:10]} to {run['last_bar'][:10]}; {scored}"


def _key_numbers(result: Mapping[str, Any], policies: pd.DataFrame, confidence: float | None) -> list[KeyNumber]:
    row: dict[Any, Any] = policies.set_index("policy").loc[TUNED].to_dict()
    low, high = result["interval"]
    tone: Tone = ""
    note = "per trade"
    if low is not None and high is not None:
        tone = "good" if low > 0 else "bad" if high < 0 else ""
        note += f"; {_percent(confidence)}CI [{_signed(low)}, {_signed(high)}]"
    return [
        KeyNumber(f"vs {result['baseline']}", _in_r(result["difference_r"], 3), note, tone),
        KeyNumber(
            "expectancy per trade",
            _in_r(row["expectancy_r"], 3),
            before_or_after(f"{row['n_trades']:,.0f} scored trades, after costs", result),
        ),
        KeyNumber(
            "win rate",
            _share(row["win_rate"], "{:.0%}"),
            before_or_after("trades with a net gain, after costs", result),
        ),
        *_drawdown(policies, result["baseline"]),
        KeyNumber("worst 5% of trades", _in_r(row["cvar_r"], 2), "mean (CVaR)"),
        KeyNumber(
            "deflated Sharpe ratio",
            _share(result.get("dsr")),
            f"of the difference, for {result['n_trials']:,} candidates tried",
        ),
        KeyNumber(
            "overfitting (PBO)",
            _share(result.get("pbo")),
            "probability that the best in-sample ladder ranks below the median out of sample",
        ),
    ]


def _drawdown(policies: pd.DataFrame, baseline: str) -> list[KeyNumber]:
    """Return the account's maximum drawdown beside that of the baseline; nothing before version 0.2."""
    if "max_drawdown_account_r" not in policies:
        return []
    fall = policies.set_index("policy")["max_drawdown_account_r"].astype(float)
    note = f"marked at every close, 1R per trade; {baseline}: {_in_r(float(fall[baseline]), 1)}"
    return [KeyNumber("account drawdown", _in_r(float(fall[TUNED]), 1), note)]


def _percent(confidence: float | None) -> str:
    return "" if confidence is None else f"{100 * confidence:.4g}% "


def _in_r(value: float | None, digits: int) -> str:
    if value is None or math.isnan(value):
        return "–"
    return f"{_signed(value, digits)} R"


def _signed(value: float, digits: int = 3) -> str:
    """Return a number with its sign, which a zero has not."""
    text = f"{value:+.{digits}f}"
    return text if any(digit in text for digit in "123456789") else text.lstrip("+-")


def _share(value: float | None, form: str = "{:.2f}") -> str:
    return "–" if value is None or math.isnan(value) else form.format(value)


def _groups(
    folder: Path, result: Mapping[str, Any], policies: pd.DataFrame, shown: frozenset[str]
) -> tuple[list[PictureGroup], dict[str, Any]]:
    """Return the sections of pictures, and the data of those that the reader can explore."""
    net_r, test_from = _net_r(folder), pd.Timestamp(result["test_from"])
    charts: dict[str, Any] = {"equity": equity_data(net_r, TUNED, test_from)}
    pictures = policy_pictures(net_r, TUNED, board=policies, untouched_from=test_from)
    pictures, text = with_ladder(read_ladder(folder / "ladder.toml"), pictures)
    groups = [PictureGroup("Ladder and performance", pictures, text, widget="equity")]
    if "what_if.json" in shown:
        charts["what_if"] = read_json(folder / "what_if.json")
        groups.append(what_if_group(charts["what_if"]))
    found = _diagnostics(folder, result, shown)
    if found is not None:
        groups.append(PictureGroup("Sensitivity", diagnostic_pictures(found), found.text))
    if {"trades.csv", "fills.csv", "examples.json"} <= shown:
        trades = read_saved_table(folder / "trades.csv", _TEXTS)
        fills = read_saved_table(folder / "fills.csv", _TEXTS)
        n_rungs = max(len(fold["ladder"].get("rungs", [])) for fold in result["folds"])
        groups.append(PictureGroup("Profit capture", trades_pictures(trades, fills, n_rungs)))
        saved = read_json(folder / "examples.json")["examples"]
        examples = [TradeExample.from_mapping(values) for values in saved]
        charts["trades"] = trades_data(examples, trades, fills)
        pictures = example_pictures(examples[:N_DRAWN], trades, fills)
        groups.append(PictureGroup("Example trades", pictures, _TRADES_TEXT, widget="trades"))
    if model := _model(folder, shown):
        groups.append(PictureGroup("Model", summary_pictures(model, _reliability(model)), _model_note(model)))
    return groups, charts


def with_ladder(ladder: Ladder, pictures: list[Picture]) -> tuple[list[Picture], str]:
    """Return the pictures with that of the ladder before them, or without it a sentence if the ladder has no rungs.

    Parameters
    ----------
    ladder : Ladder
    pictures : list of Picture

    Returns
    -------
    pictures : list of Picture
    text : str
        Empty if the ladder is drawn.
    """
    if ladder.rungs:
        return [ladder_picture_of(ladder), *pictures], ""
    return pictures, f"The ladder '{ladder.name}' sells nothing on the way: {in_words(ladder)}."


def _net_r(folder: Path) -> pd.DataFrame:
    """Return net R of each policy by entry time."""
    results = read_saved_table(folder / "net_r.csv", {"trade_id": str})
    index = pd.to_datetime(results["entry_time"], utc=True, format="ISO8601")
    return results.drop(columns=["trade_id", "entry_time", "part", "fold"]).set_axis(pd.DatetimeIndex(index))


def _diagnostics(folder: Path, result: Mapping[str, Any], shown: frozenset[str]) -> LadderDiagnostics | None:
    """Return the diagnostics of the ladder, None if the run did not save all of them."""
    # Until version 0.2 the key was "portrait".
    summary = result.get("diagnostics") or result.get("portrait")
    names = ("importance", "slices", "neighbours", "stability", "front", "objectives")
    if not summary or not {f"{name}.csv" for name in names} <= shown:
        return None
    tables = {name: read_saved_table(folder / f"{name}.csv") for name in names}
    error = summary["plateau_standard_error"]
    return LadderDiagnostics(
        objective=summary["objective"],
        importance=tables["importance"],
        fit=_number(summary["importance_fit"]),
        slices=tables["slices"].assign(value=[_number_or_text(value) for value in tables["slices"]["value"]]),
        plateau=Plateau(tables["neighbours"]["behind"].to_numpy(np.float64), _number(error)),
        stability=tables["stability"],
        front=tables["front"],
        tried=tables["objectives"],
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _number_or_text(value: object) -> float | str:
    try:
        return float(str(value))
    except ValueError:
        return str(value)


def _reliability(model: Mapping[str, Any]) -> Reliability | None:
    saved = model.get("reliability")
    if not saved:
        return None
    tables = {name: pd.DataFrame(saved[name]) for name in ("bins", "histogram")}
    return Reliability(**{**saved, **tables})


def _model_note(model: Mapping[str, Any]) -> str:
    """Return how good the model is out of fold, in a few sentences."""
    text = ""
    if all(name in model for name in ("auc", "calibration_error", "base_rate")):
        text = (
            f"Out of fold, the model has an AUC of {model['auc']:.3f} (0.5: no skill) and a calibration error of "
            f"{model['calibration_error']:.3f}; the base rate of exhaustion is {model['base_rate']:.3f}. "
        )
    if "value" in model:
        if model["value"] is None:
            text += "There are too few trades to measure the value of its signal in R. "
        else:
            low, high = model["value"]["interval"]
            text += model_worth(model["value"]["difference_r"], low, high, model["value"].get("confidence"))
    if is_silent(model.get("dependence", ())):
        text += "In its last stage the model is silent: no feature changes a prediction. "
    if "leak_check" in model:
        text += f"Leak check (look-ahead): {model['leak_check']}."
    return text.strip()


def model_worth(difference: float | None, low: float | None, high: float | None, confidence: float | None) -> str:
    """Return how the model's signal changed the result, in words.

    Parameters
    ----------
    difference, low, high : float or None
        R per trade, and its interval.
    confidence : float or None
        Of the interval.

    Returns
    -------
    str
    """
    if difference == low == high == 0:
        return "Out of sample, the model never changed an exit of the best trailing stop. "
    return (
        "Exiting on the model's signal or the trailing stop, instead of the best trailing stop alone, changed the "
        f"result by {_ends(difference)} R per trade ({_percent(confidence)}CI [{_ends(low)}, {_ends(high)}]) out of "
        "sample. "
    )


def _ends(value: float | None) -> str:
    return "–" if value is None else _signed(value)


def facts_of_run(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the facts on the bars that ``run.json`` has."""
    if not run:
        return []
    notes = [(str(name), str(value)) for name, value in run["notes"]]
    bars = [("bars", f"{run['n_bars']:,} of {run['n_symbols']:,} symbols")]
    return notes if "bars" in dict(notes) else [*bars, *notes]


def _counts(folder: Path, result: Mapping[str, Any], shown: frozenset[str]) -> list[tuple[str, str]]:
    part = read_saved_table(folder / "net_r.csv", columns=["part"])["part"]
    counts = [
        ("trades before the first scored part", f"{int((part != 'test').sum()):,}"),
        ("of these purged", f"{result['n_purged']:,}"),
        ("trades scored once", f"{result['n_test']:,}"),
    ]
    if "trades.csv" not in shown:
        return counts
    trades = read_saved_table(folder / "trades.csv", columns=["status", "ambiguous_bars"])
    status = trades["status"].value_counts()
    return [
        *counts,
        ("of these open at the last bar (marked)", f"{int(status.get('open', 0)):,}"),
        ("of these skipped", f"{int(status.get('skipped', 0)):,}"),
        ("with a bar that reached both stop and target", f"{int((trades['ambiguous_bars'] > 0).sum()):,}"),
    ]


def _method(result: Mapping[str, Any]) -> list[str]:
    n_parts = len(result["folds"])
    parts = "in one part" if n_parts == 1 else f"in {n_parts} parts"
    return [
        f"Trades entered from {result['test_from'][:10]} on were scored {parts}, each once, by the ladder tuned on "
        "earlier trades. A trade whose exit could still have been open at the start of a part was not used to tune for "
        "it. If a model is used, it predicts in stages, each trained on labels known before.",
        "Every policy in the table that has parameters was tuned on the same past trades, by the same objective. The "
        "ladder drawn and written is tuned on all trades that had ended by the last bar.",
    ]


def reproduction_of(run: Mapping[str, Any]) -> Reproduction:
    """Return how to get the same numbers again, from ``run.json``."""
    fingerprints = {"bars": run["bars_fingerprint"], "trades": run["trades_fingerprint"]}
    return Reproduction(run["command"], run["seed"], run["versions"], fingerprints, run["run_id"])
