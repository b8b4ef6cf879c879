"""Notebooks as pages of the site: the cells and the outputs that are stored in the file."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def notebook_page(path: Path) -> tuple[str, dict[str, bytes]]:
    """Return a notebook as Markdown, and its pictures by file name.

    Raises
    ------
    ValueError
        If a code cell has never been run, or ended with an error.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    pictures: dict[str, bytes] = {}
    parts: list[str] = []
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        if "hide" not in cell["metadata"].get("tags", []):
            parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                raise ValueError(f"{path.name}: cell {cell['id']} ended with {output['ename']}; run it again.")
            parts.append(_shown(output, f"{path.stem}-{cell['id']}-{len(pictures)}", pictures))
    has_outputs = any(cell.get("outputs") for cell in cells)
    kept = "with its stored outputs" if has_outputs else "without its outputs: run it to see them"
    parts.insert(1, f"*This page is the notebook `notebooks/{path.name}`, {kept}.*")
    return "\n\n".join(filter(None, parts)) + "\n", pictures


def _shown(output: dict[str, Any], name: str, pictures: dict[str, bytes]) -> str:
    data = output.get("data", {})
    if "image/png" in data:
        pictures[f"{name}.png"] = base64.b64decode("".join(data["image/png"]))
        words = "".join(data.get("text/plain", "")).strip("<>")
        return f"![{words if words and 'Figure' not in words else 'Picture drawn by the cell above'}]({name}.png)"
    if "image/svg+xml" in data:
        pictures[f"{name}.svg"] = "".join(data["image/svg+xml"]).encode()
        return f"![Picture drawn by the cell above]({name}.svg)"
    if "text/markdown" in data:
        return "".join(data["text/markdown"])
    if "text/html" in data:
        html = re.sub(r"<style.*?</style>", "", "".join(data["text/html"]), flags=re.DOTALL)
        return re.sub(r"\n\s*", "\n", html.replace(' border="1" class="dataframe"', "")).strip()
    text = output.get("text", data.get("text/plain", ""))
    text = _ESCAPES.sub("", "".join(text)).rstrip()
    return f"```text\n{text}\n```" if text else ""
