"""One stage of the exhaustion model."""

from __future__ import annotations

from dataclasses import dataclass

from exitladder.models.calibration.calibrators import Calibrator
from exitladder.models.forests.boosting import Forest


@dataclass(frozen=True)
class Stage:
    """Boosters trained on labels known up to one time and valid from a later one.

    Parameters
    ----------
    valid_from_ns : int
        The stage may predict rows decided at or after this time.
    last_label_ns : int
        When the last training label was known; at least the embargo before `valid_from_ns`.
    n_rows, n_trades : int
        Size of the training set.
    race, hold : Forest
        Raw probability of exhaustion, and advantage of holding in R.
    calibrator : Calibrator
        Fitted on out-of-fold predictions of earlier stages.
    """

    valid_from_ns: int
    last_label_ns: int
    n_rows: int
    n_trades: int
    race: Forest
    hold: Forest
    calibrator: Calibrator
