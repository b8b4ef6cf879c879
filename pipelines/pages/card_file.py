"""The data of a model card as a file, so that `exitladder report` renders the page again instead of copying one."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from exitladder.errors import InputFileError
from exitladder.files.output import plain
from exitladder.files.untrusted.shapes import Anything, check_shape, parse_json, read_json_text
from exitladder.pipelines.pages.model_card import CardSection, ModelCard
from exitladder.pipelines.pages.page import KeyNumber, PageTable, Reproduction
from exitladder.pipelines.plots.picture import Picture

# The file with the card's data, beside the page.
CARD_DATA = "model_card.json"

_NUMBER = {"label": str, "value": str, "note": str, "tone": str}
_TABLE = {"title": str, "caption": str, "columns": {str: [Anything]}, "forms": {str: str}}
_PICTURE = {"image": str, "title": str, "caption": str, "alt": str, "half": bool, "kind": str}
_SECTION = {
    "title": str,
    "texts": [str],
    "facts": [[str]],
    "tables": [_TABLE],
    "points": [str],
    "pictures": [_PICTURE],
}
_CARD = {
    "title": str,
    "subtitle": str,
    "verdict": str,
    "verdict_text": str,
    "key_numbers": [_NUMBER],
    "sections": [_SECTION],
    "warnings": [str],
    "reproduction": (
        None,
        {"command": str, "seed": int, "versions": {str: str}, "fingerprints": {str: str}, "run_id": str},
    ),
}
_VERDICTS = ("better", "worse", "no_difference", "none")
_TONES = ("", "good", "bad")


def card_to_mapping(card: ModelCard) -> dict[str, Any]:
    """Return the data of a card as plain values for a JSON file."""
    table: dict[str, Any] = plain(
        {
            "title": card.title,
            "subtitle": card.subtitle,
            "verdict": card.verdict,
            "verdict_text": card.verdict_text,
            "key_numbers": [asdict(number) for number in card.key_numbers],
            "sections": [_section_to_mapping(section) for section in card.sections],
            "warnings": card.warnings,
            "reproduction": None if card.reproduction is None else asdict(card.reproduction),
        }
    )
    return table


def read_card(path: Path) -> ModelCard:
    """Return the card in a JSON file.

    Parameters
    ----------
    path : path
        Written by a training run.

    Returns
    -------
    ModelCard

    Raises
    ------
    InputFileError
        If it cannot be read or is no such file.
    """
    try:
        table = parse_json(read_json_text(path))
        check_shape(table, _CARD, path.name)
        if table["verdict"] not in _VERDICTS or any(n["tone"] not in _TONES for n in table["key_numbers"]):
            raise ValueError(f"{path.name} must have a verdict and tones that a page knows, but has others")
        reproduction = table["reproduction"]
        return ModelCard(
            title=table["title"],
            subtitle=table["subtitle"],
            verdict=table["verdict"],
            verdict_text=table["verdict_text"],
            key_numbers=[KeyNumber(**{name: number[name] for name in _NUMBER}) for number in table["key_numbers"]],
            sections=[_section(section) for section in table["sections"]],
            warnings=table["warnings"],
            reproduction=None
            if reproduction is None
            else Reproduction(
                **{name: reproduction[name] for name in ("command", "seed", "versions", "fingerprints", "run_id")}
            ),
        )
    except (OSError, ValueError, binascii.Error) as cause:
        raise InputFileError(
            f"'{path}' must hold the data of a model card, as exitladder train wrote it, but: {cause}. Copy it "
            "from its run again, or train again."
        ) from cause


def _section_to_mapping(section: CardSection) -> dict[str, Any]:
    return {
        "title": section.title,
        "texts": list(section.texts),
        "facts": [list(fact) for fact in section.facts],
        "tables": [
            {
                "title": table.title,
                "caption": table.caption,
                "columns": {name: table.rows[name].tolist() for name in table.rows},
                "forms": dict(table.forms),
            }
            for table in section.tables
        ],
        "points": list(section.points),
        "pictures": [
            {**asdict(picture), "image": base64.b64encode(picture.image).decode()} for picture in section.pictures
        ],
    }


def _section(table: Mapping[str, Any]) -> CardSection:
    if any(len(fact) != 2 for fact in table["facts"]):
        raise ValueError("each fact must have a name and a value, but one has not")
    return CardSection(
        table["title"],
        texts=table["texts"],
        facts=[(name, value) for name, value in table["facts"]],
        tables=[_table(item) for item in table["tables"]],
        points=table["points"],
        pictures=[
            Picture(
                # shown as an image, in which a browser runs no script
                base64.b64decode(picture["image"], validate=True),
                *(picture[name] for name in ("title", "caption", "alt", "half", "kind")),
            )
            for picture in table["pictures"]
        ],
    )


def _table(table: Mapping[str, Any]) -> PageTable:
    columns, forms = table["columns"], table["forms"]
    if len({len(column) for column in columns.values()}) > 1:
        raise ValueError(f"the columns of '{table['title']}' must have one length, but differ")
    for form in forms.values():
        format(0.0, form if len(form) < 8 else "invalid")
    return PageTable(table["title"], table["caption"], pd.DataFrame(columns), forms)
