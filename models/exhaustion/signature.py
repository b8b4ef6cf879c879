"""Signatures of models: whoever holds the key has approved these files.

The checksums in a model show that its files are complete; they say nothing about who wrote them. A signature is an
HMAC-SHA-256 of all files with a secret key, so only holders of the key can make it, and only they can check it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

from exitladder.errors import ModelError
from exitladder.files.output import write_json
from exitladder.files.untrusted.shapes import check_shape, parse_json, read_json_text
from exitladder.models.exhaustion.file import MODEL_FILE, load_model

SIGNATURE_FILE = "signature.json"
_ALGORITHM = "hmac-sha256"
_SHAPE = {"algorithm": str, "signature": str}
_SHORTEST_KEY, _LONGEST_KEY = 32, 4096


def sign_model(folder: str | Path, key: bytes) -> Path:
    """Write the signature of a model into its folder and return the signature's path.

    Parameters
    ----------
    folder : path
        Written by `save_model`; it is loaded first, so that no broken model is signed.
    key : bytes
        Secret, at least 32 bytes; see `read_key`.

    Returns
    -------
    Path

    Raises
    ------
    ModelError
        If the model is invalid.
    OutputFileError
        If the signature cannot be written.
    """
    load_model(folder)
    path = Path(folder) / SIGNATURE_FILE
    write_json({"algorithm": _ALGORITHM, "signature": _signature(Path(folder), key)}, path)
    return path


def verify_model(folder: str | Path, key: bytes) -> None:
    """Refuse a model that was not signed with a key, or was changed since.

    Parameters
    ----------
    folder : path
    key : bytes
        The key it must have been signed with.

    Raises
    ------
    ModelError
        If there is no signature, it is another one, or the model is invalid.
    """
    path = Path(folder) / SIGNATURE_FILE
    try:
        stated = parse_json(read_json_text(path))
        check_shape(stated, _SHAPE, SIGNATURE_FILE)
    except OSError as cause:
        raise ModelError(
            f"A signed model has the file {SIGNATURE_FILE}, but '{path}' cannot be read: {cause.strerror}. Sign it "
            "with: exitladder model sign."
        ) from cause
    except ValueError as cause:
        raise ModelError(f"A signature must be JSON written by exitladder model sign, but {cause} ({path}).") from cause
    found = _signature(Path(folder), key)
    if stated["algorithm"] != _ALGORITHM or not hmac.compare_digest(stated["signature"].encode(), found.encode()):
        raise ModelError(
            f"The model must be as it was signed with this key, but the signature in '{path}' is another one. Either "
            "the key is wrong or a file was changed: get the model from its author again."
        )
    load_model(folder)


def read_key(path: str | Path) -> bytes:
    """Return the key in a file.

    Raises
    ------
    ModelError
        If it cannot be read, or is shorter than 32 bytes or longer than 4,096.
    """
    try:
        with Path(path).open("rb") as stream:
            key = stream.read(_LONGEST_KEY + 1)
    except OSError as cause:
        raise ModelError(f"The key '{path}' cannot be read: {cause.strerror}. Check the path.") from cause
    if not _SHORTEST_KEY <= len(key) <= _LONGEST_KEY:
        raise ModelError(
            f"A key must have from {_SHORTEST_KEY} to {_LONGEST_KEY:,} bytes, but '{path}' has "
            f"{len(key) if len(key) <= _LONGEST_KEY else 'more'}. Make one with: "
            'python -c "import secrets; print(secrets.token_hex(32))" > desk.key'
        )
    return key


def _signature(folder: Path, key: bytes) -> str:
    """Return the HMAC of the names and contents of all files that a model is made of."""
    try:
        described = (folder / MODEL_FILE).read_bytes()
        names = sorted(path.name for ending in ("txt", "skops") for path in folder.glob(f"stage_*.{ending}"))
        digests = [[name, hashlib.sha256((folder / name).read_bytes()).hexdigest()] for name in names]
    except OSError as cause:
        raise ModelError(f"A model is a folder with {MODEL_FILE}, but '{folder}' cannot be read: {cause}.") from cause
    content = json.dumps([hashlib.sha256(described).hexdigest(), digests]).encode()
    return hmac.new(key, content, hashlib.sha256).hexdigest()
