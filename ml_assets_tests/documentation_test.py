"""README and docs: every command exists with its options, every make target and every link too."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.exceptions import TyperException

from ml_assets.cadence import shifted
from ml_assets.commands.cli import app
from ml_assets.commands.demo import SHORT
from ml_assets_tests import attribute_reference
from ml_assets_tests.documented_commands import (
    commands_of,
    commands_of_all,
    forked,
    is_of_this_project,
    main,
    problem_of,
)
from ml_assets_tests.project import ROOT

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")] + sorted(
    path for folder in ("docs", "ml_assets", ".github") for path in (ROOT / folder).rglob("*.md")
)
"""Pages that describe the current state; CHANGELOG names what was."""

LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)")
INLINE = re.compile(r"`(ml-assets [^`]+)`")
CONSOLE = re.compile(r"^\$ (ml-assets .+?)(?: +#.*| > .*)?$", re.MULTILINE)
MAKE = re.compile(r"(?:`|^\$ )make ([a-z][a-z-]*)", re.MULTILINE)
PLACEHOLDERS = {"…", "...", "A...B"}


def words_of(line: str) -> list[str]:
    """The arguments of a command after ``ml-assets``, without what stands for others."""
    return [word for word in shlex.split(line)[1:] if word not in PLACEHOLDERS]


def commands(page: Path) -> Iterator[list[str]]:
    """Arguments of each documented command."""
    text = page.read_text("utf-8")
    for match in [*INLINE.finditer(text), *CONSOLE.finditer(text)]:
        yield words_of(" ".join(match[1].split()))


def targets() -> set[str]:
    """Targets of the Makefile."""
    text = (ROOT / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))


def test_a_demo_after_setup_finds_the_source_systems_without_its_last_day() -> None:
    [loaded_until] = re.findall(
        r"source load --last-day (\S+)", (ROOT / "Makefile").read_text("utf-8")
    )

    assert shifted(loaded_until, 1) == SHORT.last


def refuse_unknown(words: list[str]) -> None:
    """Find the command and each option that the words name.

    Raises:
        AssertionError: there is none.
    """
    found, named = typer.main.get_command(app), list(words)
    while named and named[0][0] != "-" and (offered := getattr(found, "commands", None)):
        assert named[0] in offered, f"'ml-assets {' '.join(words)}': there is no '{named[0]}'"
        found, *named = offered[named[0]], *named[1:]
        assert not found.hidden, f"'ml-assets {' '.join(words)}' has an old name"
    options = {
        name
        for parameter in found.params
        for name in parameter.opts
        if not getattr(parameter, "hidden", False)
    }
    for word in named:
        if word.startswith("-"):
            assert word in options | {"--help", "-h"}, (
                f"'{' '.join(words)}': there is no option {word}"
            )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_documented_commands_targets_and_links_exist(page: Path) -> None:
    text = page.read_text("utf-8")

    for words in commands(page):
        refuse_unknown(words)
    assert not set(MAKE.findall(text)) - targets()
    assert not [link for link in LINK.findall(text) if not (page.parent / link).exists()]


def texts_in_code(naming: str = "") -> list[str]:
    """Every text of the product's files that name something; of an f-string its fixed parts, with … between them."""
    codes = [file.read_text("utf-8") for file in (ROOT / "ml_assets").rglob("*.py")]
    nodes = [node for code in codes if naming in code for node in ast.walk(ast.parse(code))]
    plain = [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    formatted = [
        "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        for node in nodes
        if isinstance(node, ast.JoinedStr)
    ]
    return plain + formatted


def test_each_error_message_that_is_explained_exists() -> None:
    page = (ROOT / "docs" / "errors.md").read_text("utf-8")
    explained = re.findall(r"^`(.+)`\n: ", page, re.MULTILINE)
    texts = "\n".join(texts_in_code())

    assert len(explained) > 15
    assert not [text for text in explained if text not in texts]


def test_make_targets_in_messages_exist() -> None:
    code = "\n".join(file.read_text("utf-8") for file in (ROOT / "ml_assets").rglob("*.py"))
    named = set(re.findall(r"(?<![\w-])'make ([a-z][a-z-]*)'|\"make ([a-z][a-z-]*)\"", code))

    assert {first or second for first, second in named} >= {"setup", "demo", "clean"}
    assert {first or second for first, second in named} <= targets()


def test_what_contributing_names_as_places_of_new_code_exists() -> None:
    table = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("Where something new goes:")[2]
    rows = [line for line in table.partition("\n\n## ")[0].splitlines() if line.startswith("| ")]
    named = {name for row in rows for name in re.findall(r"`([^`\s]+)`", row)}
    places = [path.as_posix() for path in (ROOT / "ml_assets").rglob("*")]
    code = "\n".join(file.read_text("utf-8") for file in (ROOT / "ml_assets").rglob("*.py"))

    def exists(name: str) -> bool:
        if name.endswith((".py", ".jinja", "/")):
            return any(f"{place}/".endswith(f"/{name.rstrip('/')}/") for place in places)
        return bool(re.search(rf"\b{re.escape(name)}\b", code))

    assert len(named) > 50
    assert not [name for name in named if not exists(name) and not (ROOT / name).exists()]


IN_CODE = re.compile(r"(?:^|(?<=: )|(?<='))(ml-assets [a-z][^'`\n;]*)(?=$|'|;)")


def commands_in_code() -> list[str]:
    """Each command in a text of the product; 1 stands for what a value fills in."""
    found = {command for text in texts_in_code("ml-assets ") for command in IN_CODE.findall(text)}
    return sorted(
        re.sub(r"(?<=\w)…+$", "", command).replace("…", "1")
        for command in found
        if not command.endswith(" ")  # a fixed part of an f-string, which is there as a whole too
    )


def refuse_incomplete(words: list[str]) -> None:
    """Parse the arguments of a command, as the command line does before it runs it.

    Raises:
        TyperException: an argument is missing or unknown.
    """
    found, named = typer.main.get_command(app), list(words)
    while offered := getattr(found, "commands", None):
        found, *named = offered[named[0]], *named[1:]
    if named and "--help" not in named:
        found.make_context(found.name, named)


@pytest.mark.parametrize("command", commands_in_code())
def test_commands_in_messages_are_complete(command: str) -> None:
    refuse_incomplete(shlex.split(command)[1:])


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(["online", "materialize", "a/b"], id="option missing"),
        pytest.param(["impact", "--plan"], id="argument missing"),
        pytest.param(["trace", "a", "b", "--model", "1"], id="argument too many"),
    ],
)
def test_an_incomplete_command_is_found(wrong: list[str]) -> None:
    with pytest.raises(TyperException):
        refuse_incomplete(wrong)


def test_the_documents_name_commands() -> None:
    named = [words for page in PAGES for words in commands(page)]

    assert len(named) > 60
    assert {words[0] for words in named} >= {"status", "checks", "impact", "trace", "reproduce"}


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(["columns", "a/b.c"], id="old name"),
        pytest.param(["impact", "a/b", "--run"], id="old option"),
        pytest.param(["lake", "vacuum"], id="unknown in a group"),
    ],
)
def test_a_command_that_does_not_exist_is_found(wrong: list[str]) -> None:
    with pytest.raises(AssertionError):
        refuse_unknown(wrong)


def test_commands_that_ci_runs_are_those_of_tables_and_console_blocks() -> None:
    page = """
| see more | `ml-assets status`; `--json` for a program |
| list | `dagster asset list -m a`; `dg list defs` shows more |
$ make demo
$ ml-assets source advance   # the next day
$ dg launch --assets 'key:"a/b"' \\
    --partition 2013-01-01
Not `ml-assets checks`.
"""

    assert [*commands_of(page)] == [
        "ml-assets status",
        "dagster asset list -m a",
        "ml-assets source advance",
        """dg launch --assets 'key:"a/b"' --partition 2013-01-01""",
    ]


def test_a_command_of_an_earlier_page_does_not_run_again() -> None:
    earlier = "$ ml-assets status\n$ ml-assets source advance\n$ ml-assets status"
    later = "$ ml-assets checks\n$ ml-assets status\n$ ml-assets checks"

    assert [*commands_of_all([earlier, later])] == [
        "ml-assets status",
        "ml-assets source advance",
        "ml-assets status",
        "ml-assets checks",
        "ml-assets checks",
    ]


def test_a_command_of_an_earlier_runbook_does_not_run_again() -> None:
    page = """## One
$ ml-assets status
$ ml-assets source advance
$ ml-assets status
### A check
$ ml-assets checks
### Another check
$ ml-assets checks
$ ml-assets alerts list
"""

    assert [*commands_of_all([page])] == [
        "ml-assets status",
        "ml-assets source advance",
        "ml-assets status",
        "ml-assets checks",
        "ml-assets alerts list",
    ]


def test_commands_of_a_page_that_run_in_a_copy_leave_nothing_in_the_project(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    page, file = tmp_path / "page.md", ROOT / "data" / "source_files" / "of_a_page"
    page.write_text(f"""```console
$ python -c 'import ml_assets; open("data/source_files/{file.name}", "w").write(ml_assets.__file__)'
$ python -c 'assert open("data/source_files/{file.name}").read().startswith("{ROOT}")'
$ rm README.md
```""")

    assert main(["--copy", str(page)]) == 1

    verdicts = [
        line.partition("\t")[0] for line in capfd.readouterr().out.splitlines() if "\t" in line
    ]
    assert verdicts == ["ok", "exit 1", "ok"]
    assert not file.exists()
    assert (ROOT / "README.md").exists()


@pytest.mark.parametrize(
    ("command", "exit_code", "output", "problem"),
    [
        pytest.param("ml-assets status", 0, "", "", id="success"),
        pytest.param("ml-assets status", 1, "", "exit 1", id="failure"),
        pytest.param("ml-assets approve a", 2, "it was\nreleased since", "", id="refused"),
        pytest.param("ml-assets approve a", 2, "Traceback", "no 'was released since'", id="wrong"),
    ],
)
def test_problem_of_a_documented_command(
    command: str, exit_code: int, output: str, problem: str
) -> None:
    assert problem_of(command, exit_code, output) == problem


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param("ml-assets status", True, id="words"),
        pytest.param("""dg launch --assets 'key:"a/b" | c'""", True, id="quoted"),
        pytest.param("ml-assets status | head", False, id="pipe"),
        pytest.param("ml-assets status > a", False, id="redirection"),
        pytest.param("ml-assets trace $A", False, id="variable"),
        pytest.param("python -c ''", False, id="another program"),
    ],
)
def test_commands_that_need_no_shell(command: str, expected: bool) -> None:
    assert is_of_this_project(command) is expected


@pytest.mark.slow
def test_a_forked_command_has_its_exit_code_and_output(tmp_path: Path) -> None:
    exit_code, output = forked("ml-assets statu", tmp_path)

    assert exit_code == 2
    assert "No such command 'statu'" in output


def test_the_attribute_reference_is_that_of_the_templates() -> None:
    assert attribute_reference.PAGE.read_text("utf-8") == attribute_reference.page(), (
        "renew it: python -m ml_assets_tests.attribute_reference"
    )


def test_each_attribute_in_the_reference_has_a_meaning() -> None:
    rows = [line for line in attribute_reference.page().splitlines() if line.startswith("| `")]

    assert len(rows) > 80
    assert not [row for row in rows if row.endswith("|  |")]


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        pytest.param({"type": "string"}, "string", id="text"),
        pytest.param({"type": "number", "minimum": 0}, "number, at least 0", id="limit"),
        pytest.param({"enum": ["a", "b"], "type": "string"}, "`a`, `b`", id="enumeration"),
        pytest.param({"$ref": "#/$defs/Days"}, "[Days](#days)", id="section"),
        pytest.param({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string", id="optional"),
        pytest.param({"type": "array", "items": {"type": "string"}}, "list of string", id="list"),
        pytest.param(
            {"type": "string", "examples": ["36h", "7d"]}, "duration: `36h`, `7d`", id="duration"
        ),
    ],
)
def test_values_in_the_attribute_reference(schema: dict[str, object], text: str) -> None:
    assert attribute_reference.type_of(schema) == text
