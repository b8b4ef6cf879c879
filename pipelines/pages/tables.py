"""The tables on the page of a tuning."""

from __future__ import annotations

import pandas as pd

from exitladder.pipelines.pages.page import PageTable


def fold_table(folds: pd.DataFrame) -> PageTable:
    """Return the table of test parts: the ladder tuned before each, and its out-of-sample result.

    Parameters
    ----------
    folds : DataFrame
        With the columns of `Tuned.folds_frame`.
    """
    return PageTable(
        "Walk-forward test parts",
        "Each ladder was tuned on the trades that had ended by the start of its part and scored once on the trades of "
        "that part. Means are net R per trade; a single part is too short for conclusions.",
        pd.DataFrame(
            {
                "Scored from": [str(stamp)[:10] for stamp in folds["test_from"]],
                "Training trades": folds["n_training"],
                "Trades scored": folds["n_test"],
                "Ladder": folds["ladder_text"],
                "Baseline": folds["baseline"],
                "Ladder (R)": folds["tuned_r"],
                "Baseline (R)": folds["baseline_r"],
                "Difference (R)": folds["difference_r"],
            }
        ),
        {
            "Training trades": ",.0f",
            "Trades scored": ",.0f",
            "Ladder (R)": "+.3f",
            "Baseline (R)": "+.3f",
            "Difference (R)": "+.3f",
        },
    )


def account_table(accounts: pd.DataFrame) -> PageTable:
    """Return the table of accounts that run through all test parts.

    Parameters
    ----------
    accounts : DataFrame
        With the columns of `tuning_evidence.account`.
    """
    return PageTable(
        "Account over all test parts",
        "All test parts in sequence, 1R at risk per trade, each fill booked on its day: "
        f"{int(accounts['n_days'].iloc[0]):,} calendar days. Sharpe, Sortino and Calmar are annualised.",
        pd.DataFrame(
            {
                "Policy": accounts["policy"],
                "Total (R)": accounts["total_r"],
                "Sharpe": accounts["sharpe"],
                "Sortino": accounts["sortino"],
                "Account drawdown (R)": accounts["max_drawdown_r"],
                "Calmar": accounts["calmar"],
                "Ulcer (R)": accounts["ulcer_r"],
            }
        ),
        {
            "Total (R)": "+.1f",
            "Sharpe": ".2f",
            "Sortino": ".2f",
            "Account drawdown (R)": ".1f",
            "Calmar": ".2f",
            "Ulcer (R)": ".1f",
        },
    )
