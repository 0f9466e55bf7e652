"""The docs say of counters, options and settings what the code says."""

import re
from pathlib import Path

from domain.counters import COUNTERS
from edge import agent, spoc
from tests.app.test_function_app import setting_names
from tests.infra.test_infra import parameters_of_main

ROOT = Path(__file__).parents[2]
EDGE = (ROOT / "docs/edge.md").read_text()
WORDS = {"avg": "mean", "sum": "sum", "min": "least", "max": "greatest"}


def test_the_docs_table_of_counters_is_the_codes() -> None:
    rows = re.findall(r"^\| `(\w+\.\w+)` \| (.*) \| (.*) \| (\w+) \|$", EDGE, re.MULTILINE)
    assert rows == [
        (counter.key, counter.title, counter.unit or "-", WORDS[counter.reduction]) for counter in COUNTERS.values()
    ]


def test_every_option_that_the_docs_name_exists() -> None:
    options = {text for parser in (agent._parser(), spoc._parser()) for text in parser._option_string_actions}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", EDGE)) - {"--config", "--help"}
    assert len(named) >= 15
    assert named <= options


def test_every_setting_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in setting_names() if f"`{name}`" not in readme] == []


def test_parameters_that_the_docs_name_exist_with_the_defaults_that_they_say() -> None:
    table = re.findall(r"^\| ((?:`[a-z]\w+`(?:, )?)+) \| (.*?) \|", (ROOT / "docs/azure.md").read_text(), re.MULTILINE)
    parameters = parameters_of_main()
    named = {name: default for names, default in table for name in re.findall(r"`(\w+)`", names)}
    assert len(named) >= 8
    assert named.keys() <= parameters.keys()
    for names, default in table:
        numbers = re.fullmatch(r"\d+(, \d+)*", default)
        if numbers:
            given = [parameters[name]["default"] for name in re.findall(r"`(\w+)`", names)]
            assert default.split(", ") == given


def test_links_and_pictures_of_the_docs_exist() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"
