"""``exitladder report``: the page of a saved backtest, tuning or training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from exitladder.errors import InputFileError
from exitladder.files.output import write_text
from exitladder.pipelines.options.described import is_options_backtest
from exitladder.pipelines.options.score.tracked import SCORES as OPTIONS_SCORES
from exitladder.pipelines.pages.books.tuned import is_book, tuned_book_page
from exitladder.pipelines.pages.card_file import CARD_DATA, read_card
from exitladder.pipelines.pages.model_card import MODEL_CARD
from exitladder.pipelines.pages.options.backtest import options_backtest_page
from exitladder.pipelines.pages.options.score import saved_options_score_page
from exitladder.pipelines.pages.page import page_html
from exitladder.pipelines.pages.saved_run import backtest_page
from exitladder.pipelines.pages.score import SCORES, saved_score_page
from exitladder.pipelines.pages.tuning import tuning_page
from exitladder.pipelines.tracking.runs import find_run
from exitladder.pipelines.tracking.saved_files import files_of_run, read_json
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings


def report(source: str, out: Path, settings: Settings, progress: Progress = SILENT) -> Path:
    """Write the page of a run as one file that opens without a network, and return its path.

    Parameters
    ----------
    source : str
        A run id, or the ``--out`` folder of ``exitladder backtest``, ``exitladder tune`` or ``exitladder demo``.
        The page of a training run is its model card, that of a run of ``score`` or ``options score`` its orders.
    out : Path
        The file to write.
    settings : Settings
        They name the store that run ids are looked up in.
    progress : Progress

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    InputFileError
        If the source holds no backtest, no tuning, no model card and no scores.
    TrackingError
        If there is no such run.
    """
    folder = _folder(source, settings)
    with files_of_run(folder), progress.stage("page", 1):
        if (folder / CARD_DATA).is_file():
            html = read_card(folder / CARD_DATA).html()
        elif (folder / SCORES).is_file():
            html = saved_score_page(folder / SCORES)
        elif (folder / OPTIONS_SCORES).is_file():
            html = saved_options_score_page(folder / OPTIONS_SCORES)
        elif is_options_backtest(folder):
            html = page_html(options_backtest_page(folder))
        elif (folder / "tune.json").is_file():
            _refuse_options(folder, source)
            page = tuned_book_page(folder) if is_book(read_json(folder / "tune.json")) else tuning_page(folder)
            # links lead to the other pages of a run from its own folder only
            html = page_html(page if out.parent.resolve() == folder.resolve() else replace(page, links=()))
        elif (folder / "trades.csv").is_file() and (folder / "fills.csv").is_file():
            html = page_html(backtest_page(folder))
        else:
            raise InputFileError(_nothing_in(folder, source))
    write_text(html, out)
    return out


def _refuse_options(folder: Path, source: str) -> None:
    """Raise an error for a tuning of a plan on options."""
    if "n_plans" in read_json(folder / "tune.json"):
        raise InputFileError(
            f"A tuning of options has no page, but '{source}' is one. Read its tune.json, or backtest its "
            "recommended.toml with exitladder options backtest and report that folder."
        )


def _nothing_in(folder: Path, source: str) -> str:
    if inside := [str(Path(source) / part.name) for part in sorted(folder.iterdir()) if _is_run(part)]:
        return (
            f"A report is about one run, but '{source}' holds none itself and {len(inside)} in folders of its own. "
            f"Give one of them: {', '.join(inside)}."
        )
    if (folder / MODEL_CARD).is_file():
        return (
            f"A page is made from data and never copied, but '{source}' holds {MODEL_CARD} without its data, "
            f"{CARD_DATA}. Train the model again; if you trust the file, open it in a browser yourself."
        )
    return (
        "A report needs the files of a backtest (trades.csv, fills.csv, summary.json), a tuning (tune.json), a "
        f"training ({CARD_DATA}) or a run of score ({SCORES}), but '{source}' holds none of them. Give the run id or "
        "the --out folder of one."
    )


def _is_run(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (CARD_DATA, SCORES, OPTIONS_SCORES, "tune.json", "fills.csv"))


def _folder(source: str, settings: Settings) -> Path:
    if Path(source).is_dir():
        return Path(source)
    return find_run(source, Tracker.from_settings(settings).store).folder
