from pathlib import Path

import yaml

from extracted_services.chassis.web.contract import CONTRACT, render_part, take_part


def read(file: Path) -> dict[str, object]:
    document: dict[str, object] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return document


def test_a_part_that_anyone_may_read_asks_for_no_token() -> None:
    part = take_part(read(CONTRACT), ["products"])

    assert "security" not in part
    assert "securitySchemes" not in part["components"]


def test_a_part_with_tokens_says_how_they_are_shown() -> None:
    part = take_part(read(CONTRACT), ["orders"])

    assert part["security"] == [{"bearer": []}]
    assert list(part["components"]["securitySchemes"]) == ["bearer"]


def test_every_reference_of_a_part_leads_somewhere() -> None:
    for tag in ("products", "stock", "orders", "payments", "reservations"):
        text = render_part(CONTRACT, (tag,)).decode()
        part = yaml.safe_load(text)
        for reference in {line.split("'")[1] for line in text.splitlines() if "$ref: '" in line}:
            kind, name = reference.removeprefix("#/components/").split("/")
            assert name in part["components"][kind], reference
