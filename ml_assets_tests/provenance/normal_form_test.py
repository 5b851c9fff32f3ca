"""What changes a module's normal form, what does not, and that interpreters agree on it."""

import ast
import hashlib
import shutil
import subprocess

import pytest

from ml_assets.provenance import normal_form as module
from ml_assets.provenance.normal_form import joined, statement_form

TEXT = '''"""Orders."""

from dataclasses import dataclass

LIMIT = 3
"""How many."""


@dataclass(frozen=True)
class Order:
    """One order."""

    name: str = ""

    async def shown(self, *, sign="+", digits=2, **others):
        """As text."""
        match others:
            case {"value": float(value)} if (found := value) > 0:
                return f"{found:{sign}z.{digits}f} {self.name!r:>{digits}}" + u"é"
            case [first, *_]:
                return lambda x, /: [y async for y in x if y not in {1, 2}]
        with open("a") as a, open("b") as b:
            del a.b, b[1:2, ...]
        try:
            yield 1e300 + 0x10 + 1j + b"\\xff".__len__()
        except (ValueError, KeyError) as error:
            raise self from error
        finally:
            pass
'''

EXPECTED = "6d26ad6515305e9e4da98512001a365d63b0b2842d622b7efd4bb5ae94d9dc71"
"""Hash of its normal form, whatever computes it."""

SCRIPT = """
import ast, hashlib, runpy, sys
module = runpy.run_path(sys.argv[1])
form = module["joined"](map(module["statement_form"], ast.parse(sys.stdin.read()).body))
print(hashlib.sha256(form.encode()).hexdigest())
"""

IN_OTHER_WORDS = [
    pytest.param(TEXT.replace('"""Orders."""', '"""All about orders."""'), id="module docstring"),
    pytest.param(TEXT.replace('    """One order."""\n\n', ""), id="no class docstring"),
    pytest.param(TEXT.replace('"""As text."""', '"""The order as text."""'), id="docstring"),
    pytest.param(TEXT.replace('"""How many."""\n', ""), id="no attribute docstring"),
    pytest.param(TEXT.replace("LIMIT = 3", "LIMIT = 3  # orders"), id="comment"),
    pytest.param(TEXT.replace("LIMIT = 3", "LIMIT = (\n    3\n)"), id="layout"),
    pytest.param(TEXT.replace('sign="+"', "sign='+'"), id="quotes"),
]

OTHER_CODE = [
    pytest.param(TEXT.replace("LIMIT = 3", "LIMIT = 4"), id="number"),
    pytest.param(TEXT.replace("frozen=True", "frozen=False"), id="decorator"),
    pytest.param(TEXT.replace("digits=2, **others", "digits=2, **more"), id="name of an argument"),
    pytest.param(TEXT.replace("lambda x, /", "lambda x"), id="kind of an argument"),
    pytest.param(TEXT.replace('name: str = ""', 'name: str = "x"'), id="default"),
    pytest.param(TEXT.replace('name: str = ""', "name: str"), id="no default"),
    pytest.param(TEXT.replace(":>{digits}", ":<{digits}"), id="format of an f-string"),
    pytest.param(TEXT.replace("not in {1, 2}", "in {1, 2}"), id="operator"),
    pytest.param(TEXT.replace("raise self from error", "raise self"), id="cause"),
    pytest.param(TEXT.replace("            pass\n", "            print()\n"), id="finally"),
]


def form(text: str) -> str:
    """The normal form of a text."""
    return joined(map(statement_form, ast.parse(text).body))


@pytest.mark.parametrize("text", IN_OTHER_WORDS)
def test_normal_form_ignores_comments_docstrings_and_layout(text: str) -> None:
    assert text != TEXT
    assert form(text) == form(TEXT)


@pytest.mark.parametrize("text", OTHER_CODE)
def test_normal_form_changes_with_code(text: str) -> None:
    assert form(text) != form(TEXT)


def test_an_empty_body_is_not_an_empty_module() -> None:
    assert form('def f():\n    """Nothing."""\n') != form("")


def test_this_interpreter_gives_the_stored_form() -> None:
    assert hashlib.sha256(form(TEXT).encode()).hexdigest() == EXPECTED


@pytest.mark.parametrize("interpreter", ["python3.11", "python3.12", "python3.13"])
def test_all_interpreters_give_the_same_form(interpreter: str) -> None:
    found = shutil.which(interpreter)
    if (
        found is None
        or subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode
    ):
        pytest.skip(f"{interpreter} is not on this machine")
    done = subprocess.run(
        [found, "-c", SCRIPT, module.__file__],
        input=TEXT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == EXPECTED
