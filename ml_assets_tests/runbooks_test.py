"""Runbooks: a section for each check and each kind of alert, and none without one."""

import re

import dagster as dg
import pytest

from ml_assets.alerts.kinds import KINDS, RUNBOOKS, runbook
from ml_assets_tests.documented_commands import commands_of
from ml_assets_tests.project import ROOT

SECTIONS = dict(
    re.findall(
        r"^### ([a-z_]+)\n(.+?)(?=^##|\Z)",
        (ROOT / RUNBOOKS).read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
)
"""Name → text of its section."""


def check_names(definitions: dg.Definitions) -> dict[str, str]:
    """Check → its description in Dagster."""
    return {
        spec.name: spec.description or ""
        for check in definitions.asset_checks or ()
        for spec in check.check_specs
    }


def test_each_check_and_kind_has_a_section_and_each_section_a_check_or_kind(
    definitions: dg.Definitions,
) -> None:
    assert {*SECTIONS} == {*check_names(definitions), *KINDS}


def test_the_description_of_each_check_names_its_section(definitions: dg.Definitions) -> None:
    described = check_names(definitions)

    assert {name for name, text in described.items() if text.endswith(runbook(name))} == {
        *described
    }


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_a_section_says_what_it_means_why_and_what_to_do_with_a_command(name: str) -> None:
    text = SECTIONS[name]

    parts = [text.index(f"**{part}.** ") for part in ("Means", "Likely causes", "Do")]
    assert parts == sorted(parts)
    assert [*commands_of(text)]
