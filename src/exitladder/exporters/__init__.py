"""Ladders written for other programs: code, scripts and orders."""

from __future__ import annotations

from exitladder.exporters.export import Exported, export_ladder

__all__ = ["Exported", "export_ladder"]
