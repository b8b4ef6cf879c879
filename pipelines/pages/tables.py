"""The tables of a tuning as its pages show them."""

from __future__ import annotations

import pandas as pd

from exitladder.pipelines.pages.page import PageTable


def fold_table(folds: pd.DataFrame) -> PageTable:
    """Return what was tuned before each test part, and what that was worth there.

    Parameters
    ----------
    folds : DataFrame
        With the columns of `Tuned.folds_frame`.
    """
    return PageTable(
        "Tuned again before each test part",
        "Each ladder was tuned on the trades that had ended by then and scored once on those that followed, until the "
        "next. Means are net R a trade; one part alone is too short to say much.",
        pd.DataFrame(
            {
                "Scored from": [str(stamp)[:10] for stamp in folds["test_from"]],
                "Trades tuned on": folds["n_training"],
                "Trades scored": folds["n_test"],
                "Ladder": folds["ladder_text"],
                "Held against": folds["baseline"],
                "Ladder (R)": folds["tuned_r"],
                "Baseline (R)": folds["baseline_r"],
                "Difference (R)": folds["difference_r"],
            }
        ),
        {
            "Trades tuned on": ",.0f",
            "Trades scored": ",.0f",
            "Ladder (R)": "+.3f",
            "Baseline (R)": "+.3f",
            "Difference (R)": "+.3f",
        },
    )


def account_table(accounts: pd.DataFrame) -> PageTable:
    """Return what the accounts amount to that run on through all test parts.

    Parameters
    ----------
    accounts : DataFrame
        With the columns of `tuning_evidence.account`.
    """
    return PageTable(
        "As one account",
        "All test parts in a row, every trade risking 1R, each fill booked on its day: "
        f"{int(accounts['n_days'].iloc[0]):,} calendar days. Sharpe, Sortino and Calmar are a year's.",
        pd.DataFrame(
            {
                "Policy": accounts["policy"],
                "Total (R)": accounts["total_r"],
                "Sharpe": accounts["sharpe"],
                "Sortino": accounts["sortino"],
                "Max drawdown (R)": accounts["max_drawdown_r"],
                "Calmar": accounts["calmar"],
                "Ulcer (R)": accounts["ulcer_r"],
            }
        ),
        {
            "Total (R)": "+.1f",
            "Sharpe": ".2f",
            "Sortino": ".2f",
            "Max drawdown (R)": ".1f",
            "Calmar": ".2f",
            "Ulcer (R)": ".1f",
        },
    )
