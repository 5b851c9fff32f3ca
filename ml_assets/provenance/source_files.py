"""Statements of source files, cached in ``__pycache__`` beside Python's compiled modules.

Parsing all sources takes longer than any other step of loading definitions. The key of the cache is a
hash of the file's text, not its modification time, so a changed file is always parsed again.
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
    """The statements of a source file, from the cache if possible.

    Args:
        source: a file of Python code.

    Raises:
        OSError: it cannot be read.
        SyntaxError: it is not Python code.
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
    """Hash of the parser: the version of Python, and the code of the modules that parse."""
    sources = (Path(str(module.__file__)).read_bytes() for module in (normal_form, statements))
    return digest(sys.version, *sources)


def _from_json(found: dict[str, Any]) -> Statements:
    each = [Statement(*one) for one in found["each"]]
    return Statements(
        [one._replace(imports=[Import(*each) for each in one.imports]) for one in each],
        found["is_opaque"],
    )


def _write(file: Path, value: object) -> None:
    """Replace a file atomically, as several processes may write it at once."""
    file.parent.mkdir(exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(value), encoding="utf-8")
    draft.replace(file)
