"""``exitladder init``: create a project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from exitladder.cli.inputs import file_options, path_option
from exitladder.cli.session import Session, example, session_command

# number of symbols whose proposed sessions are shown
_SHOWN = 5


@click.command(
    "init",
    epilog=example(
        "exitladder init my-project", "exitladder init my-project --bars data/", "exitladder init my-project --plan"
    ),
)
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@path_option("--bars", "Bars whose tick, lot and session are proposed: a file or a folder.", required=False)
@file_options
@click.option("--plan", "with_plan", is_flag=True, help="Write plan.toml too: with adds, sizes and an account.")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@session_command
def command(session: Session, folder: Path, bars: Path | None, with_plan: bool, force: bool) -> None:
    """Start a project: its settings and a ladder.

    Writes exitladder.toml, with every setting explained, and ladder.toml into a folder, here by default. With --bars
    it proposes a [symbols] table with the tick and lot that the bars show, and the session of intraday bars (--tz names
    the exchange's zone); add multiplier and currency. With --plan it also writes plan.toml, a ladder that adds to the
    position and sizes it, to run with `backtest --ladder plan.toml`; in a project that exists it writes only that.
    """
    from exitladder.errors import OutputFileError
    from exitladder.files.output import write_folder
    from exitladder.settings.proposal import ladder_with_rates
    from exitladder.settings.template import LADDER_TOML, PLAN_TOML, settings_toml

    settings = session.settings
    ladders = {"ladder.toml": LADDER_TOML} | ({"plan.toml": PLAN_TOML} if with_plan else {})
    ladders = {name: ladder_with_rates(text, settings.costs) for name, text in ladders.items()}
    remarks: dict[str, str] = {}
    if bars is not None:
        from exitladder.bars.reading import read_bars
        from exitladder.settings.proposal import ladder_with_steps, propose_contracts

        data = settings.data
        found, report = read_bars(bars, tz=data.tz, adjust="none", conventions=data.conventions)
        ticks = {f.symbol for f in report.findings if f.rule == "tick_volume"}
        contracts, remarks = propose_contracts(found, settings.symbols, data.tz, ticks)
        settings = replace(settings, symbols=contracts)
        ladders = {name: ladder_with_steps(text, settings.symbols) for name, text in ladders.items()}
        n_sessions = sum(bool(contract.session) for contract in contracts.values())
        of = f"{len(found)} symbol{'s' if len(found) != 1 else ''}"
        sessions = f"; the session of {n_sessions}" if n_sessions else ""
        session.say(
            f"proposed from the bars: tick and lot of {of}{sessions}. Check them; add multiplier and currency where "
            "they are not 1 and the account's."
        )
        if ticks:
            session.say(
                f"the volume of {', '.join(sorted(ticks)[:6])} counts price changes, so it shows no lot: set lot and "
                "min_quantity"
            )
        for symbol, text in list(remarks.items())[:_SHOWN]:
            session.say(f"session of {symbol}, a proposal: {text}")
        if len(remarks) > _SHOWN:
            session.say(f"{len(remarks) - _SHOWN} more sessions are in exitladder.toml, with remarks")
    contents = {"exitladder.toml": settings_toml(settings, remarks), **ladders}
    if with_plan and bars is None and not force and (folder / "exitladder.toml").exists():
        # a project of before gets its plan, and keeps its own settings and ladder
        contents = {"plan.toml": ladders["plan.toml"]}
    there = [name for name in contents if (folder / name).exists()]
    if there and not force:
        raise OutputFileError(
            f"Existing files are not overwritten, but {' and '.join(there)} already "
            f"{'exists' if len(there) == 1 else 'exist'} in '{folder}'. Choose another folder or add --force."
        )
    write_folder(folder, contents)
    written = {"settings": "exitladder.toml", "ladder": "ladder.toml", "plan": "plan.toml"}
    session.show({name: str(folder / file) for name, file in written.items() if file in contents})
