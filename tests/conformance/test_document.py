"""The page of cases is that of these cases."""

from tests.conformance.document import PAGE, page


def test_conformance_page_lists_the_cases_as_they_are() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.conformance.document"
