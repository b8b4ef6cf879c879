"""The honest statistics in one place to import from; each lives in the file that is named after it."""

from exitladder.execution.bootstrap import block_length
from exitladder.execution.comparison import Comparison, compare_r, holm
from exitladder.execution.mean import MeanInterval, mean_interval
from exitladder.execution.overfitting import Overfitting, pbo_cscv
from exitladder.execution.sharpe import (
    SharpeMoments,
    dsr,
    dsr_of,
    expected_max,
    luck_sharpe,
    min_btl,
    min_trl,
    psr,
)
from exitladder.execution.spa import SuperiorAbility, superior_ability
from exitladder.execution.verdict import Verdict, verdict

__all__ = [
    "Comparison",
    "MeanInterval",
    "Overfitting",
    "SharpeMoments",
    "SuperiorAbility",
    "Verdict",
    "block_length",
    "compare_r",
    "dsr",
    "dsr_of",
    "expected_max",
    "holm",
    "luck_sharpe",
    "mean_interval",
    "min_btl",
    "min_trl",
    "pbo_cscv",
    "psr",
    "superior_ability",
    "verdict",
]
