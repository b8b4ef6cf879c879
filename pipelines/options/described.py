"""What runs on options rest on, as records hold it: quotes, positions and the underlying's bars."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from exitladder.clock import close_text, interval_name, stamp_text
from exitladder.options.market import OptionMarket
from exitladder.options.positions.trades import OptionTrade
from exitladder.options.quotes import Quotes
from exitladder.pipelines.tracking.run import TrackedRun
from exitladder.pipelines.tracking.saved_files import read_json
from exitladder.pipelines.tracking.tracker import RunKind, Tracker
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import Settings

_ARRAYS = ("start", "bid", "ask", "bid_size", "ask_size", "spot", "volatility")


def describe_quotes(quotes: Quotes) -> dict[str, str | int]:
    """Return underlyings, span, interval, counts and fingerprint of quotes, as flat values."""
    digest = hashlib.sha256()
    for contract, bars in sorted(quotes.items()):
        digest.update(repr(contract).encode())
        for values in (getattr(bars, name) for name in _ARRAYS):
            digest.update(b"" if values is None else np.ascontiguousarray(values).tobytes())
    return {
        "underlyings": ", ".join(sorted({contract.underlying for contract in quotes})),
        "n_contracts": len(quotes),
        "n_quotes": sum(len(bars) for bars in quotes.values()),
        "quotes_interval": interval_name(quotes.interval_ns) if quotes.interval_ns else "snapshots",
        "first_quote": stamp_text(min(int(bars.start[0]) for bars in quotes.values())),
        "last_quote": close_text(quotes.last),
        "quotes_fingerprint": digest.hexdigest()[:16],
    }


def describe_positions(trades: Sequence[OptionTrade]) -> dict[str, str | int]:
    """Return the count, span and fingerprint of positions, as flat values."""
    entries = sorted(trade.entry_time for trade in trades)
    return {
        "n_trades": len(trades),
        "n_verticals": sum(trade.second is not None for trade in trades),
        **({"first_entry": stamp_text(entries[0]), "last_entry": stamp_text(entries[-1])} if entries else {}),
        "trades_fingerprint": hashlib.sha256("\n".join(map(repr, trades)).encode()).hexdigest()[:16],
    }


@contextmanager
def options_run(
    kind: RunKind,
    trades: Sequence[OptionTrade],
    ladder: Ladder | None,
    market: OptionMarket,
    quotes: Mapping[str, str | int],
    settings: Settings,
) -> Iterator[TrackedRun]:
    """Record a run on positions in options: its settings, plan, quotes, bars and positions.

    Parameters
    ----------
    kind : {"backtest", "tune", "score"}
    trades : sequence of OptionTrade
    ladder : Ladder or None
    market : OptionMarket
    quotes : mapping
        From `describe_quotes`, which reads all of them.
    settings : Settings

    Yields
    ------
    TrackedRun
        Takes the metrics and files; it ignores them if ``tracking.enabled`` is false.
    """
    with Tracker.from_settings(settings).run(kind, settings=settings, ladder=ladder, bars=market.bars) as run:
        positions = describe_positions(trades)
        run.log_tags({"instrument": "options"})
        run.log_params({"data": dict(quotes) | positions})
        run.log_data(
            "trades",
            name=f"{len(trades):,} positions in options",
            digest=str(positions["trades_fingerprint"]),
            source={key: positions[key] for key in ("first_entry", "last_entry") if key in positions},
            profile={key: positions[key] for key in ("n_trades", "n_verticals")},
        )
        run.log_data(
            "quotes",
            name=f"{quotes['n_contracts']:,} contracts, {quotes['quotes_interval']}",
            digest=str(quotes["quotes_fingerprint"]),
            source={key: quotes[key] for key in ("first_quote", "last_quote")},
            profile={key: quotes[key] for key in ("n_quotes", "n_contracts")},
        )
        yield run


def is_options_backtest(folder: Path) -> bool:
    """Return whether a folder has a backtest of options."""
    summary = folder / "summary.json"
    return summary.is_file() and "n_closes_without_mark" in read_json(summary)
