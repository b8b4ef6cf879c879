"""``exitladder model``: checks and signatures of stored models."""

from __future__ import annotations

from pathlib import Path

import click

from exitladder.cli.inputs import path_option
from exitladder.cli.session import HELP, Session, example, session_command


@click.group("model", context_settings=HELP, epilog=example("exitladder model check runs/model"))
def command() -> None:
    """Check, sign and verify models.

    Checksums show that a model's files are complete, not who wrote them. A signature shows that a holder of the key
    approved them.
    """


@command.command("check", epilog=example("exitladder model check models:/exitladder-exhaustion@newest"))
@click.argument("model", metavar="REF")
@session_command
def check(session: Session, model: str) -> None:
    """Check every file of a model.

    REF is a run id, models:/NAME/VERSION, models:/NAME@alias or a folder. Reads the description and every tree, without
    running any of it.
    """
    from exitladder.models.exhaustion.file import load_model
    from exitladder.models.forests.boosting import Forest

    folder = _folder(session, model)
    found = load_model(folder)
    learners = [part for stage in found.stages for part in (stage.race, stage.hold)]
    n_trees = sum(part.n_trees for part in learners if isinstance(part, Forest))
    session.show(
        {"model": str(folder), "n_features": len(found.names), "n_stages": len(found.stages), "n_trees": n_trees}
    )


@command.command("sign", epilog=example("exitladder model sign models:/exitladder-exhaustion/3 --key desk.key"))
@click.argument("model", metavar="REF")
@path_option("--key", "File with a secret key of at least 32 bytes.")
@session_command
def sign(session: Session, model: str, key: Path) -> None:
    """Sign a model with a secret key.

    Writes signature.json (HMAC-SHA-256 of all files) into the model's folder.
    """
    from exitladder.models.exhaustion.signature import read_key, sign_model

    session.show({"signature": str(sign_model(_folder(session, model), read_key(key)))})


@command.command("verify", epilog=example("exitladder model verify received/model --key desk.key"))
@click.argument("model", metavar="REF")
@path_option("--key", "File with the key that the model must be signed with.")
@session_command
def verify(session: Session, model: str, key: Path) -> None:
    """Verify that a model was signed with a key and not changed since."""
    from exitladder.models.exhaustion.signature import read_key, verify_model

    folder = _folder(session, model)
    verify_model(folder, read_key(key))
    session.show({"model": str(folder), "signed": True})


def _folder(session: Session, model: str) -> Path:
    from exitladder.pipelines.tracking.models import resolve_model

    return resolve_model(model, session.settings.tracking.store)
