"""Extracts the commands from a message and runs them.

What a message leaves to its reader (``NAME``, ``TEXT``) is filled in with ``ARGUMENTS``.
"""

import argparse
import re
import shlex
from collections.abc import Iterator, Sequence

from typer.testing import CliRunner, Result

from ml_assets.commands.cli import app
from ml_assets_tests.project import Project

ARGUMENTS = {"NAME": "Ann", "TEXT": "checked by hand"}
"""Placeholder in a command → value that replaces it."""

OURS, DAGSTER = "ml-assets", ("dg", "launch")
SHELL = ("make", "mv", "rm", "unset")
"""Programs of other commands, in quotes or indented on a line of their own; ``checkout`` runs them."""

NOUNS = 3
"""Words after the first that may be neither an option nor the value of one."""

_BEGIN = re.compile(
    rf"(?<![\w/-])(?:ml-assets [a-z]|dg launch )|(?:(?<=['\"`])|(?<=\n  ))(?:{'|'.join(SHELL)}) "
)
_ENDS = ".,;:)]"
_OPTION = re.compile(r"-m|--[a-z]")


def commands(text: str) -> list[list[str]]:
    """The commands in a text, in its order, split as a shell does it.

    A command ends with its line, the quote it stands in, a bracket, or the sentence: at the first
    word that ends in punctuation, or that is neither an option nor follows one.

    Raises:
        AssertionError: there is none.
    """
    found = [_command(text, match) for match in _BEGIN.finditer(text)]
    assert found, f"There is no command in: {text}"
    return found


def command(text: str) -> list[str]:
    """The only command in a text.

    Raises:
        AssertionError: there is none, or several different ones.
    """
    first, *others = commands(text)
    assert all(other == first for other in others), [first, *others]
    return first


def _command(text: str, match: re.Match[str]) -> list[str]:
    line = text[match.start() :].partition("\n")[0]
    quote = text[match.start() - 1] if match.start() else ""
    if quote in ("'", '"', "`"):
        return shlex.split(line.partition(quote)[0])
    return list(_words(line))


def _words(line: str) -> Iterator[str]:
    """Words of a command in front of the sentence that follows it."""
    takes_value = True
    for number, word in enumerate(_split(line)):
        bare = word.rstrip(_ENDS)
        is_option = bool(_OPTION.match(word))
        if number > NOUNS and not (is_option or takes_value):
            return
        yield bare
        takes_value = is_option
        if bare != word:
            return


def _split(line: str) -> Iterator[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters = True, ""
    while (word := lexer.get_token()) is not None:
        yield word


def run(project: Project, words: Sequence[str]) -> str:
    """Run a command from a message.

    Args:
        project: runs those of Dagster on its instance.
        words: the command.

    Returns:
        What it printed; empty for those of Dagster.

    Raises:
        AssertionError: it failed.
    """
    if words[:2] == [OURS, "checks"]:  # its exit code reports what it found
        return invoked(*words[1:]).output
    if words[0] == OURS:
        return ml_assets(*words[1:])
    assert tuple(words[:2]) == DAGSTER, words
    reported = _dagster().parse_args(list(words[2:]))
    assert not (reported.partition and reported.partition_range)
    outcome = project.materialize(reported.assets, reported.partition or reported.partition_range)
    assert outcome.succeeded, outcome.failed_steps
    return ""


def run_all(project: Project, text: str) -> None:
    """Run every command of a text, in its order."""
    for words in commands(text):
        run(project, words)


def ml_assets(*words: str) -> str:
    """Run a command of the project in this process; returns its output.

    Raises:
        AssertionError: its exit code is not 0.
    """
    done = invoked(*words)
    assert done.exit_code == 0, f"{words}: {done.output} {done.exception!r}"
    return done.output


def invoked(*words: str) -> Result:
    """The same, whatever its exit code."""
    return CliRunner().invoke(app, [ARGUMENTS.get(word, word) for word in words])


def _dagster() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("-m", required=True)
    parser.add_argument("--assets", required=True)
    parser.add_argument("--partition")
    parser.add_argument("--partition-range")
    return parser
