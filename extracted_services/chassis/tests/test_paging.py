import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracted_services.chassis.paging import Page, cut_page, decode_cursor, encode_cursor, is_sku

SKUS = st.from_regex(r"[A-Z0-9]{1,8}(-[A-Z0-9]{1,7}){0,3}", fullmatch=True)


@given(SKUS)
def test_a_cursor_names_its_sku(sku: str) -> None:
    assert decode_cursor(encode_cursor(sku)) == sku


@given(st.text(max_size=70))
def test_every_cursor_has_one_spelling(text: str) -> None:
    try:
        sku = decode_cursor(text)
    except ValueError:
        return
    assert encode_cursor(sku) == text


@pytest.mark.parametrize(
    "text",
    [
        "TVVHLTAwMDE=",  # padded
        "TVVHLTAwMDF",  # the right SKU, with stray bits in the last character
        "TVVHLTAw MDE",
        "bXVn",  # "mug": not upper case
        "TVVHLQ",  # "MUG-"
        "w4Q",  # not ASCII
        "A",
        "A" * 68,
        "é",
    ],
)
def test_what_is_not_a_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        decode_cursor(text)


def test_a_page_has_a_next_one_only_if_a_row_is_left() -> None:
    assert cut_page(["A", "B", "C"], 2, str) == Page(("A", "B"), encode_cursor("B"))
    assert cut_page(["A", "B"], 2, str) == Page(("A", "B"), None)
    assert cut_page([], 2, str) == Page((), None)


@pytest.mark.parametrize(("text", "answer"), [("MUG-0001", True), ("A" * 32, True), ("A" * 33, False), ("a", False)])
def test_a_sku_is_upper_case_and_short(text: str, answer: bool) -> None:
    assert is_sku(text) is answer


@pytest.mark.parametrize("text", ["", "A-", "-A", "A--B", "A\n", "Ä", "A B"])
def test_a_sku_has_single_hyphens_inside(text: str) -> None:
    assert not is_sku(text)
