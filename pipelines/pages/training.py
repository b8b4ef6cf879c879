"""The pages of a training run: the model card, its data and its pictures."""

from __future__ import annotations

from exitladder.files.output import Content, json_text
from exitladder.pipelines.pages.card_file import CARD_DATA, card_to_mapping
from exitladder.pipelines.pages.model_card import MODEL_CARD, model_card
from exitladder.pipelines.plots.pictures import model_pictures
from exitladder.pipelines.training.model import Trained
from exitladder.pipelines.training.record import model_name
from exitladder.settings.tables import Settings


def training_pages(trained: Trained, settings: Settings, run_id: str, command: str = "") -> dict[str, Content]:
    """Return the card and the pictures of a trained model, by file name.

    Parameters
    ----------
    trained : Trained
    settings : Settings
        Those it was trained with.
    run_id : str
    command : str
        As it was typed.

    Returns
    -------
    dict of str to content
        ``model_card.html``, its data ``model_card.json``, and ``pictures/KIND.svg``.
    """
    pictures = model_pictures(trained)
    card = model_card(trained, settings, pictures, name=model_name(settings.project), run_id=run_id, command=command)
    return {
        **{f"pictures/{picture.kind}.svg": picture.image for picture in pictures},
        CARD_DATA: json_text(card_to_mapping(card)) + "\n",
        MODEL_CARD: card.html(),
    }
