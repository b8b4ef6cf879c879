"""Settings: keys and their checks, loading, and the commented template."""

from __future__ import annotations

from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings

__all__ = ["Settings", "load_settings"]
