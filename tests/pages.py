"""README and docs/ as tests read them: pages, sections, tables, blocks of code."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))}
EVERYTHING = "\n".join(PAGES.values())


def section(heading: str, page: str = "README.md") -> str:
    """The text below a heading of a page, down to the next heading of its level or a higher one."""
    text = PAGES[page]
    level = re.search(rf"(?m)^(#+) {re.escape(heading)}$", text)
    assert level, f"{page} has no heading {heading!r}"
    rest = re.sub(r"(?ms)^```.*?^```", lambda block: block.group().replace("\n#", "\n\x00#"), text[level.end() :])
    return re.split(rf"(?m)^#{{1,{len(level[1])}}} ", rest)[0].replace("\x00", "")


def tables(text: str) -> list[list[list[str]]]:
    """Every table: its rows below the line of dashes, as lists of cells."""
    found = re.findall(r"(?m)(?:^\|.*\n)+", text)
    return [
        [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in table.splitlines()[2:]]
        for table in found
    ]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", text)


def words(text: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", text)
