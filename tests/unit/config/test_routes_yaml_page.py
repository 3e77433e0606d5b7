"""Every key of the format stands on its page (that the examples there are valid is tested with `check`)."""

import re
from pathlib import Path

from proxy.config.schema import routes_schema

PAGE = (Path(__file__).parents[3] / "docs" / "routes-yaml.md").read_text(encoding="utf-8")


def test_every_key_is_named_on_the_page() -> None:
    sections = [routes_schema(), *routes_schema()["definitions"].values()]
    keys = {key for section in sections for key in section["properties"]}
    assert len(keys) > 70
    assert {key for key in keys if not re.search(rf"\b{key}\b", PAGE)} == set()


def test_every_link_within_the_page_leads_somewhere() -> None:
    titles = {title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= titles
