"""Run notebooks and store their outputs: ``python tools/run_notebooks.py notebooks/own_bars.ipynb ...``.

Pictures are stored with few colours, so that a notebook stays small. Times and counts of executions are left out, so
that a notebook that shows the same is the same.
"""

from __future__ import annotations

import base64
import io
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

MOST_BYTES = 200_000
_COLOURS = 48


def small_png(text: str) -> str:
    """Return a PNG in base64 with at most 48 colours."""
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB")
    out = io.BytesIO()
    picture.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        out, "PNG", optimize=True
    )
    return base64.b64encode(out.getvalue()).decode()


def tidy(notebook: Any) -> Any:
    """Return an executed notebook without what changes from run to run, and with small pictures."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        cell.execution_count = None
        for output in cell.outputs:
            if "execution_count" in output:
                output["execution_count"] = None
            data = output.get("data", {})
            if "image/png" in data:
                data["image/png"] = small_png(data["image/png"])
    return notebook


def run(path: Path) -> int:
    """Run a notebook in an empty folder, store its outputs in it, and return its size in bytes."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["IPYTHONDIR"] = str(Path(folder) / ".ipython")
        os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1] / "src")
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()
    text = str(nbformat.writes(tidy(notebook))) + "\n"  # type: ignore[no-untyped-call]
    path.write_text(text, encoding="utf-8")
    return len(text.encode())


def main() -> None:
    """Run the notebooks that are named, and say how large each has become."""
    for name in sys.argv[1:]:
        size = run(Path(name))
        print(f"{name}: {size / 1000:.0f} kB")
        if size > MOST_BYTES:
            sys.exit(f"{name} must have at most {MOST_BYTES / 1000:.0f} kB: show fewer or smaller pictures.")


if __name__ == "__main__":
    main()
