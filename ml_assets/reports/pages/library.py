"""The library that draws the charts: Vega, Vega-Lite and Vega-Embed in one script, made once and kept."""

import os
from importlib.metadata import version
from pathlib import Path

EXPOSED = "window.vegaEmbed = vegaEmbed;"
"""What the script does besides defining the library."""


def library(folder: Path) -> str:
    """The script, which defines ``vegaEmbed``. To bundle it takes longer than to render a page.

    Args:
        folder: where it is kept; it is made anew for another version of its package.
    """
    file = folder / f"vega-{version('vl-convert-python')}.js"
    if file.exists():
        return file.read_text("utf-8")
    import vl_convert

    script = vl_convert.javascript_bundle(EXPOSED)
    folder.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}")
    draft.write_text(script, "utf-8")
    draft.replace(file)
    return script
