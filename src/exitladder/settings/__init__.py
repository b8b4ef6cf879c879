"""Settings: keys and their checks, loading, and the commented template."""

from __future__ import annotations

from exitladder.settings.loading import load_settings
from exitladder.settings.tables import (
    DataSettings,
    FeatureSettings,
    LabelSettings,
    ModelSettings,
    ProjectSettings,
    PromotionSettings,
    SearchSettings,
    SeriesSettings,
    Settings,
    TrackingSettings,
    TuningSettings,
    ValidationSettings,
)

__all__ = [
    "DataSettings",
    "FeatureSettings",
    "LabelSettings",
    "ModelSettings",
    "ProjectSettings",
    "PromotionSettings",
    "SearchSettings",
    "SeriesSettings",
    "Settings",
    "TrackingSettings",
    "TuningSettings",
    "ValidationSettings",
    "load_settings",
]
