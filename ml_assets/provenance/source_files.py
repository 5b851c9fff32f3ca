"""Statements of source files, kept beside Python's compiled modules.

To parse all sources takes longer than anything else that definitions load. What is kept belongs to the
text of the file, not to its time, so that it is never that of another text.
"""

import json
import os
import sys
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

from ml_assets.content import digest
from ml_assets.provenance import normal_form, statements
from ml_assets.provenance.statements import Import, Statement, Statements, statements_in


def statements_of(source: Path) -> Statements:
    """The statements of a source file, in a ``__pycache__`` folder if it can be written.

    Args:
        source: a file of Python code.

    Raises:
        OSError: it cannot be read.
        SyntaxError: it is no Python code.
    """
    text = source.read_text(encoding="utf-8")
    kept = Path(cache_from_source(str(source))).with_suffix(".statements.json")
    key = digest(_reader(), text)
    try:
        found = json.loads(kept.read_bytes())
    except (OSError, ValueError):
        found = None
    if isinstance(found, dict) and found.get("key") == key:
        return _from_json(found)
    parsed = statements_in(text)
    if not sys.dont_write_bytecode:
        with suppress(OSError):  # such as an installation that is read only
            _write(kept, {"key": key, "each": parsed.each, "is_opaque": parsed.is_opaque})
    return parsed


@cache
def _reader() -> str:
    """Hash of what makes statements of a text: Python, and the code that it runs."""
    sources = (Path(str(module.__file__)).read_bytes() for module in (normal_form, statements))
    return digest(sys.version, *sources)


def _from_json(found: dict[str, Any]) -> Statements:
    each = [Statement(*one) for one in found["each"]]
    return Statements(
        [one._replace(imports=[Import(*each) for each in one.imports]) for one in each],
        found["is_opaque"],
    )


def _write(file: Path, value: object) -> None:
    """Replace a file as a whole, as several processes may do at once."""
    file.parent.mkdir(exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(value), encoding="utf-8")
    draft.replace(file)
