"""Draws the pictures of docs/execution.md into docs/pictures/rules: ``python docs/draw_rules.py [NAME ...]``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rule_examples import EXAMPLES, example
from rule_pictures import compact_svg, draw_example

FOLDER = Path(__file__).resolve().parent / "pictures" / "rules"


def main(names: Sequence[str]) -> None:
    """Draw the examples named, or all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for chosen in [example(name) for name in names] or EXAMPLES:
        path = FOLDER / f"{chosen.name}.svg"
        path.write_bytes(compact_svg(draw_example(chosen)))
        sys.stdout.write(f"{path} {path.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main(sys.argv[1:])
