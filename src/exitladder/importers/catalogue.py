"""The files that `trades import` knows.

Field lists were taken from the programs' sources, from real exports and from parsers of them. The first entry whose
needed columns are all there reads the table: fills before round trips, programs before plain lists.
"""

from __future__ import annotations

from exitladder.importers.fills_profiles import FILLS, MT5_ORDERS, PLAIN_FILLS
from exitladder.importers.profiles import Profile
from exitladder.importers.round_trips_profiles import PLAIN_ROUND_TRIPS, ROUND_TRIPS

PROFILES: tuple[Profile, ...] = (MT5_ORDERS, *FILLS, *ROUND_TRIPS, PLAIN_ROUND_TRIPS, PLAIN_FILLS)
NAMES = tuple(dict.fromkeys(p.name for p in PROFILES if p.kind != "helper"))
