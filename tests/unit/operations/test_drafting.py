"""Writing a draft: never over a file that is there, unless that was asked for."""

from pathlib import Path

import pytest

from proxy.inventory.patterns import Pattern, Urlconf
from proxy.operations.drafting import compose_draft, write_draft
from proxy.operations.errors import OperationError


def test_a_draft_says_how_many_routes_it_has():
    text, snapshot = compose_draft(Urlconf((Pattern("/a/", ("GET",)),)), None)
    assert [route.name for route in snapshot.routes] == ["a"]
    assert "MONOLITH_URL" in text


def test_an_address_that_is_none_is_refused():
    with pytest.raises(OperationError) as caught:
        compose_draft(Urlconf(()), "not an address")
    assert '"not an address" is not a URL' in caught.value.details[0]


def test_a_file_that_is_there_stays(tmp_path: Path):
    file = tmp_path / "routes.yaml"
    write_draft("one\n", file, force=False)
    with pytest.raises(OperationError, match="is there already"):
        write_draft("two\n", file, force=False)
    assert file.read_text() == "one\n"


def test_unless_its_replacement_is_asked_for(tmp_path: Path):
    file = tmp_path / "routes.yaml"
    write_draft("one\n", file, force=False)
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    write_draft("two\n", link, force=True)
    assert file.read_text() == "two\n"
    assert link.is_symlink()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path):
    with pytest.raises(OperationError, match="no such file or directory"):
        write_draft("one\n", tmp_path / "missing" / "routes.yaml", force=False)
