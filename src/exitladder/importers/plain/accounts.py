"""Fills of several accounts, and fills that close positions from before the file begins."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray
from exitladder.clock import NO_TIME
from exitladder.errors import TradesError
from exitladder.files.stamps import read_stamps
from exitladder.importers.decode import decode_sides, side_key
from exitladder.importers.prepared import Prepared
from exitladder.importers.profiles import key_of
from exitladder.trades.positions import in_time_order

_ACCOUNTS = frozenset(
    {"account", "accountid", "accountnumber", "accountname", "clientaccountid", "subaccount", "accountno", "portfolio",
     "konto", "compte", "cuenta", "conta"}
)  # fmt: skip
_EFFECTS = frozenset({"poseffect", "positioneffect", "openclose", "opencloseindicator", "ex", "entryexit"})
_CLOSING = frozenset({"toclose", "close", "c", "exit", "closing", "x"})
_CLOSING_SIDES = frozenset({"selltoclose", "buytoclose", "buytocover", "cover", "closelong", "closeshort", "exitlong",
                            "exitshort"})  # fmt: skip


def keep_accounts_apart(prepared: Prepared) -> None:
    """Make fills of several accounts positions of their own: a short in one does not close a long in another.

    Raises
    ------
    TradesError
        If entries are to be matched oldest first, which is done within one account.
    """
    frame = prepared.frame
    rest = prepared.found.rest.loc[frame.index]
    if prepared.kind != "fills" or "trade_id" in frame:
        return
    header = next((str(h) for h in rest.columns if key_of(str(h)) in _ACCOUNTS), None)
    if header is None:
        return
    accounts = rest[header].astype("str").str.strip()
    names = sorted(set(accounts[frame["symbol"] != ""] if "symbol" in frame else accounts) - {""})
    if len(names) < 2:
        return
    if prepared.grouping == "fifo":
        raise TradesError(
            f"With --group fifo a file must be of one account, but {prepared.found.sheet.name} holds "
            f"{', '.join(names[:5])} (column '{header}'). Import the rows of each account alone."
        )
    frame["book"] = accounts
    prepared.notes.append(f"fills of {len(names)} accounts (column '{header}') are separate positions")


def leave_out_orphans(prepared: Prepared) -> None:
    """Leave out fills that the file calls closing ones and that would open a position: their entry is not in it."""
    frame = prepared.frame
    if "symbol" not in frame or "trade_id" in frame or "side" not in frame:
        return
    closing = frame["side"].map(side_key).isin(_CLOSING_SIDES).to_numpy(dtype=bool, copy=True)
    rest = prepared.found.rest.loc[frame.index]
    for header in rest.columns:
        if key_of(str(header)) in _EFFECTS:
            closing |= rest[header].map(side_key).isin(_CLOSING).to_numpy(dtype=bool)
    if not closing.any():
        return
    done = read_stamps(frame["time"], dates=prepared.dates)
    if done.problem or (done.ns == NO_TIME).any():
        return  # told where the times are read
    side, size = decode_sides(frame["side"]), _sizes(frame["quantity"])
    book = frame["book"] if "book" in frame else pd.Series("", index=frame.index)
    held: dict[tuple[str, str], float] = {}
    orphan = np.zeros(len(frame), dtype=bool)
    for i in in_time_order(done.ns):
        key = (str(frame["symbol"].iloc[i]), str(book.iloc[i]))
        if closing[i] and held.get(key, 0.0) * side[i] >= 0:
            orphan[i] = True
        elif np.isfinite(side[i]) and np.isfinite(size[i]):
            held[key] = held.get(key, 0.0) + side[i] * size[i]
    if orphan.any():
        n, first = int(orphan.sum()), frame["line"].iloc[int(np.argmax(orphan))]
        text = "it closes a position whose entry is" if n == 1 else "they close positions whose entries are"
        prepared.notes.append(f"{n} row{'' if n == 1 else 's'} left out: {text} not in the file (first {first})")
        prepared.frame = frame[~orphan]


def _sizes(texts: pd.Series) -> FloatArray:
    """Return about how much each fill is of: its digits, whatever separates them."""
    plain = texts.astype("str").str.replace(r"[^\d.]", "", regex=True)
    return np.asarray(pd.to_numeric(plain, errors="coerce"), dtype=np.float64)
