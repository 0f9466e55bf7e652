"""The docs say of counters, options, settings and files what the code says, and every link leads somewhere."""

import re
from pathlib import Path

import pytest

from blueprints.settings import Settings
from domain.counters import COUNTERS
from edge.agent_options import agent_parser
from edge.joining import join_parser
from edge.spoc_options import parser_of_spoc
from tests.app.test_function_app import setting_names
from tests.infra.test_infra import parameters_of_main

ROOT = Path(__file__).parents[2]
EDGE = (ROOT / "docs/edge.md").read_text()
WORDS = {"avg": "mean", "sum": "sum", "min": "min", "max": "max"}
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_docs_table_of_counters_is_the_codes() -> None:
    rows = re.findall(r"^\| `(\w+\.\w+)` \| (.*) \| (.*) \| (\w+) \|$", EDGE, re.MULTILINE)
    assert rows == [
        (counter.key, counter.title, counter.unit or "-", WORDS[counter.reduction]) for counter in COUNTERS.values()
    ]


def test_every_option_that_the_docs_name_exists() -> None:
    options = {
        text for parser in (agent_parser(), parser_of_spoc(), join_parser()) for text in parser._option_string_actions
    }
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", EDGE)) - {"--config", "--help"}
    assert len(named) >= 15
    assert named <= options


def test_the_docs_table_of_settings_is_the_codes() -> None:
    page = (ROOT / "docs/settings.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", page.split("## Of the app")[1], re.MULTILINE))
    assert rows.keys() == setting_names() | {"AVERAGING_SCHEDULE"}
    for name, field in Settings.model_fields.items():
        default = field.default
        if default is not None and name != "tenant_claim":  # which the page says in words
            said = rows[str(field.validation_alias or name.upper())].split(" (")[0].strip("`")
            assert said == (str(default).lower() if isinstance(default, bool) else str(default)), name


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


def prose(text: str) -> str:
    """A page without what stands as code: links are not made there, nor headings."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.DOTALL | re.MULTILINE))


def anchors(text: str) -> list[str]:
    """The anchors that GitHub makes of a page's headings."""
    made: list[str] = []
    for heading in re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE
    ):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        made.append(f"{anchor}-{count}" if (count := made.count(anchor)) else anchor)
    return made


def broken(page: Path, text: str) -> list[str]:
    """The links and pictures of a page that lead nowhere. What is on the web is not asked."""
    found = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        to = page.parent / path if path else page
        there = to.exists() and to.resolve().is_relative_to(ROOT)
        if not there or (anchor and anchor not in anchors(text if to == page else to.read_text())):
            found.append(target)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page, page.read_text()) == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    text = "# A `b`, c!\n# A b c\n[1](#a-b-c) [2](#a-b-c-1) [3](docs/api.md#errors) [4](https://x.test/#y)\n`[5](no)`\n"
    wrong = ["#a-b-c-2", "docs/api.md#mistakes", "docs/none.md", "docs/none.png", "../elsewhere.md"]
    assert broken(ROOT / "README.md", text + "".join(f"[x]({target})\n" for target in wrong)) == wrong


def test_every_file_that_contributing_names_exists() -> None:
    named = re.findall(r"`((?:\w+/)+[\w.]*)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert len(named) >= 30
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 90


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_says_what_a_spoc_is_where_it_first_names_it(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    first = re.search(
        r"^.*\bSPOCs?\b.*$", "\n".join(" ".join(part.split()) for part in text.split("\n\n")), re.MULTILINE
    )
    assert first is None or "collector" in first[0]


def test_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs").rglob("*.png")}
    assert sizes
    assert {name: size for name, size in sizes.items() if size > 150_000} == {}
