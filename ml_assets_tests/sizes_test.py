"""Modules and folders that are small enough to read."""

from collections import Counter

from ml_assets_tests.project import ROOT

MODULE_LINES = 300
FOLDER_LINES = 2_500
"""Most lines of a module, and of all modules in a folder without its subfolders."""

LINES = {
    file.relative_to(ROOT): len(file.read_text("utf-8").splitlines())
    for file in (ROOT / "ml_assets").rglob("*.py")
}


def test_no_module_is_too_long() -> None:
    assert {str(file): lines for file, lines in LINES.items() if lines > MODULE_LINES} == {}


def test_no_folder_has_too_much_code() -> None:
    folders = Counter[str]()
    for file, lines in LINES.items():
        folders[str(file.parent)] += lines

    assert {folder: lines for folder, lines in folders.items() if lines > FOLDER_LINES} == {}
