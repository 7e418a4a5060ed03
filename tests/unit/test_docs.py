"""The pages that name tests name ones that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(test_\w+)`")
DEFINED = re.compile(r"def (test_\w+)")


def test_every_test_that_a_page_names_is_there() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    named = {name for page in pages for name in NAMED.findall(page.read_text("utf-8"))}
    code = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "src/memva/testing").rglob("*.py")]
    defined = {name for file in code for name in DEFINED.findall(file.read_text("utf-8"))}
    assert len(named) > 40
    assert named - defined == set()
