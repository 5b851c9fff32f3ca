"""Which statements of a module a name depends on, told by what a change of each does."""

import ast

import pytest

from ml_assets.provenance.statements import statements_in

MODULE = '''
"""Of a bakery."""
from oven import bake
from mill import grind
import scales as weighing

LOAF, ROLL = 500, 80
UNUSED = 3
SORTS: list[str] = ["rye"]


def bread(grams=LOAF):
    """Not of UNUSED."""
    return bake(dough(grams))


def dough(grams):
    return weighing.of(grams), "Crumb"


class Crumb:
    size = ROLL


async def cake():
    return grind(SORTS)
'''


def needed(text: str, name: str) -> list[str] | None:
    """The first line of each statement that a name depends on."""
    found = statements_in(text).needed_by(name)
    if found is None:
        return None
    body = ast.parse(text).body
    return [ast.unparse(body[position]).splitlines()[0] for position in sorted(found)]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        pytest.param(
            "bread",
            [
                "from oven import bake",
                "import scales as weighing",
                "LOAF, ROLL = (500, 80)",
                "def bread(grams=LOAF):",
                "def dough(grams):",
                "class Crumb:",
            ],
            id="a function, what it calls, constants, and a class that it names in a text",
        ),
        pytest.param("Crumb", ["LOAF, ROLL = (500, 80)", "class Crumb:"], id="a class"),
        pytest.param(
            "cake",
            ["from mill import grind", "SORTS: list[str] = ['rye']", "async def cake():"],
            id="an async function and an annotated constant",
        ),
        pytest.param("UNUSED", ["UNUSED = 3"], id="a constant"),
        pytest.param("pie", None, id="an unknown name depends on everything"),
    ],
)
def test_a_name_depends_on_what_it_mentions(name: str, lines: list[str] | None) -> None:
    assert needed(MODULE, name) == lines


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("register(UNUSED)", id="a call"),
        pytest.param("TABLE['a'] = 1", id="an entry of a table"),
        pytest.param("SORTS += ['spelt']", id="an addition"),
        pytest.param("@registered\ndef cookie():\n    return 1", id="a decorated function"),
        pytest.param("if ROLL:\n    LOAF = 400", id="a condition"),
        pytest.param(
            "try:\n    import fast\nexcept ImportError:\n    fast = None", id="an attempt"
        ),
        pytest.param("for sort in SORTS:\n    print(sort)", id="a loop"),
    ],
)
def test_statements_that_may_do_more_than_bind_names_count_for_every_name(statement: str) -> None:
    found = needed(f"{MODULE}\n{statement}\n", "Crumb")
    assert found is not None
    assert ast.unparse(ast.parse(statement)).splitlines()[0] in found


def test_a_name_that_is_bound_under_a_condition_depends_on_it() -> None:
    text = "def a():\n    return b\n\nif c:\n    def b():\n        return 1\n"
    assert needed(text, "a") == ["def a():", "if c:"]


def test_imports_for_types_count_for_no_name() -> None:
    text = f"if TYPE_CHECKING:\n    from oven import Heat\n{MODULE}"
    found = needed(text, "bread")
    assert found is not None
    assert "if TYPE_CHECKING:" not in found


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("def any_of(name):\n    return globals()[name]", id="globals"),
        pytest.param("def any_of(name):\n    return eval(name)", id="eval"),
        pytest.param("def set_it():\n    global LOAF\n    LOAF = 1", id="global"),
        pytest.param("from oven import *", id="star import"),
        pytest.param("from oven import \\\n    *", id="star import on two lines"),
        pytest.param(
            "class Base:\n    def __init_subclass__(cls):\n        SORTS.append(cls)",
            id="subclasses",
        ),
    ],
)
def test_the_statements_of_a_module_that_looks_names_up_cannot_be_told_apart(
    statement: str,
) -> None:
    assert needed(f"{MODULE}\n{statement}\n", "Crumb") is None


def test_a_module_that_only_mentions_such_a_name_can_be_told_apart() -> None:
    assert needed(f'{MODULE}\nGLOBAL = "globals()"  # not eval\n', "Crumb") is not None
