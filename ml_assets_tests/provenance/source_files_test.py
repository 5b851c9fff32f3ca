"""What is kept of a source file is always that of its text."""

import os
import sys
from pathlib import Path

import pytest

from ml_assets.provenance import source_files
from ml_assets.provenance.source_files import statements_of
from ml_assets.provenance.statements import statements_in

BREAD = """
from . import oven
from .mill import grind, sift

RYE = 1

def bread():
    \"\"\"Rye.\"\"\"
    import yeast
    return oven.bake(grind(RYE))
"""
CAKE = BREAD.replace("RYE = 1", "RYE = 2")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source file of a process that keeps compiled modules."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "bakery.py"
    file.write_text(BREAD, "utf-8")
    return file


def kept(source: Path) -> list[Path]:
    """Files beside a source file, in folders."""
    return [file for file in source.parent.rglob("*") if file.is_file() and file != source]


def never(text: str) -> None:
    """Instead of the parser."""
    pytest.fail(f"{text} is parsed")


def test_kept_statements_are_those_of_the_text(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert statements_of(source) == statements_in(BREAD)
    monkeypatch.setattr(source_files, "statements_in", never)
    assert statements_of(source) == statements_in(BREAD)


def test_a_changed_text_with_the_same_length_and_time_is_read_again(source: Path) -> None:
    statements_of(source)
    before = source.stat()
    source.write_text(CAKE, "utf-8")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert source.stat().st_size == before.st_size

    assert statements_of(source) == statements_in(CAKE)


def test_a_changed_reader_reads_again(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    statements_of(source)
    monkeypatch.setattr(source_files, "_reader", lambda: "another")
    monkeypatch.setattr(source_files, "statements_in", lambda _: statements_in(CAKE))
    assert statements_of(source) == statements_in(CAKE)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"key": "0"}', b"\xff"])
def test_what_cannot_be_used_is_replaced(source: Path, content: bytes) -> None:
    statements_of(source)
    [file] = kept(source)
    good = file.read_bytes()
    file.write_bytes(content)

    assert statements_of(source) == statements_in(BREAD)
    assert file.read_bytes() == good


def test_a_folder_that_cannot_be_written_changes_nothing(source: Path) -> None:
    (source.parent / "__pycache__").write_text("a file, so that no folder can be made", "utf-8")
    assert statements_of(source) == statements_in(BREAD)


def test_a_process_that_writes_no_compiled_modules_writes_none_of_these(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert statements_of(source) == statements_in(BREAD)
    assert not kept(source)
