"""What docs/routes-yaml.md shows is valid, and every key of the format stands there."""

import re
from pathlib import Path

import pytest

from proxy.config import load_text
from proxy.config.schema import routes_schema
from proxy.routing.lint import lint

PAGE = (Path(__file__).parents[3] / "docs" / "routes-yaml.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

REST = {
    "version": "version: 1\n",
    "upstreams": "upstreams:\n  monolith: { url: http://127.0.0.1:8000 }\n"
    + "".join(f"  {name}: {{ url: http://{name}.test }}\n" for name in ("search", "orders", "inventory", "payments")),
    "defaults": "defaults: { legacy: monolith }\n",
}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.splitlines()[-1].strip()[:40])
def test_every_example_is_valid_once_the_rest_of_the_file_is_there(example: str, tmp_path: Path) -> None:
    for file in re.findall(r"tls/[a-z.-]+", example):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    rest = (text for key, text in REST.items() if not re.search(rf"^{key}:", example, re.MULTILINE))
    snapshot = load_text(example + "".join(rest), "example.yaml", {}, tmp_path)
    warnings = [problem for problem in lint(snapshot) if "is not used" not in problem.message]
    assert warnings == []


def test_every_key_is_named_on_the_page() -> None:
    sections = [routes_schema(), *routes_schema()["definitions"].values()]
    keys = {key for section in sections for key in section["properties"]}
    assert len(keys) > 70
    assert {key for key in keys if not re.search(rf"\b{key}\b", PAGE)} == set()


def test_every_link_within_the_page_leads_somewhere() -> None:
    titles = {title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= titles
