"""Draws the README's picture of a result from the demo's own numbers: ``python docs/draw_demo.py``."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from exitladder.pipelines.demo import demo_settings, demo_work
from exitladder.pipelines.plots.captions import equity_picture, to_png
from exitladder.pipelines.plots.data import cumulative_r
from exitladder.pipelines.tuning.policies import TUNED
from exitladder.settings.loading import load_settings

PATH = Path(__file__).resolve().parent / "pictures" / "equity.png"


def main() -> None:
    """Run the demo's work with its default settings and draw what its page shows as equity."""
    tuned = demo_work(demo_settings(load_settings(None))).tuned
    net_r = tuned.net_r.set_axis(pd.to_datetime(tuned.entry_time, utc=True, unit="ns"))
    figure = equity_picture(cumulative_r(net_r), emphasised=TUNED, untouched_from=tuned.walk.cut_time)
    PATH.write_bytes(to_png(figure, dots_per_inch=130))
    sys.stdout.write(f"{PATH} {PATH.stat().st_size / 1000:.0f} kB\n{tuned.verdict.text}\n")


if __name__ == "__main__":
    main()
