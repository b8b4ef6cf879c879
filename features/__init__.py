"""Features known at a bar's close: one named matrix, in the trade's direction and independent of the price level."""

from exitladder.features.catalogue import describe_catalogue
from exitladder.features.compute import features_frame
from exitladder.features.families.events import event_of
from exitladder.features.families.trade_state import STATE_NAMES, trade_risk, trade_state_rows
from exitladder.features.feature_set import FeatureSet
from exitladder.features.from_settings import (
    feature_set_of,
    refuse_other_benchmark,
    refuse_other_sources,
    warn_of_stale_sources,
)
from exitladder.features.matrix import FeatureMatrix, RowMatrix, feature_matrix, row_matrix

__all__ = [
    "STATE_NAMES",
    "FeatureMatrix",
    "FeatureSet",
    "RowMatrix",
    "describe_catalogue",
    "event_of",
    "feature_matrix",
    "feature_set_of",
    "features_frame",
    "refuse_other_benchmark",
    "refuse_other_sources",
    "row_matrix",
    "trade_risk",
    "trade_state_rows",
    "warn_of_stale_sources",
]
