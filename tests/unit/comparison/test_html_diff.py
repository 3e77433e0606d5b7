"""HTML pages: what a reader or a form would meet is compared, and what is new each time by design is not."""

import time

import pytest

from proxy.comparison.difference import Undecided
from proxy.config.compare import Compare, IgnoreRule
from tests.support.answers import compared, found


def page(inner: str) -> str:
    return f"<!doctype html><html><head><title>Shop</title></head><body><main>{inner}</main></body></html>"


def differ(left: str, right: str, rules: Compare | None = None) -> list[tuple[str, str]]:
    return found(page(left), page(right), rules or Compare())


def test_white_space_comments_and_the_order_of_classes_mean_nothing() -> None:
    assert differ("<p class='a b'>one  two</p>", "<p class='b  a'>\n one\ttwo <!-- at 10:00 --></p>\n") == []


def test_a_text_is_found_by_a_selector() -> None:
    assert differ("<p>one</p>", "<p>two</p>") == [("value", "css:html > body > main > p")]


def test_the_selector_begins_at_the_last_id_that_is_a_name() -> None:
    left, right = "<div id=cart><b id=row7>1</b></div>", "<div id=cart><b id=row7>2</b></div>"
    assert differ(left, right) == [("value", "css:#cart > b")]


def test_an_attribute_is_told_with_its_element() -> None:
    assert differ("<a href=/a>x</a>", "<a href=/b>x</a>") == [("value", "css:html > body > main > a[href]")]
    assert differ("<a href=/a>x</a>", "<a>x</a>") == [("missing", "css:html > body > main > a[href]")]


def test_an_item_put_in_is_one_extra_with_the_name_of_all_items() -> None:
    items = [f"<li><b>{at}</b></li>" for at in range(9)]
    left, right = ("<ul>" + "".join(side) + "</ul>" for side in (items, [items[0], "<li>new</li>", *items[1:]]))
    comparison = compared(page(left), page(right))
    assert [(item.kind.value, item.path) for item in comparison.differences] == [
        ("extra", "css:html > body > main > ul > li")
    ]
    assert comparison.differences[0].place == "html > body(2) > main(1) > ul(1) > li(2)"


def test_the_same_rows_in_another_order_are_one_difference() -> None:
    left, right = "<p>a</p><p>b</p><p>c</p>", "<p>b</p><p>a</p><p>c</p>"
    assert differ(left, right) == [("order", "css:html > body > main")]


@pytest.mark.parametrize(
    "pattern",
    [
        "<form><input type=hidden name=csrfmiddlewaretoken value={}></form>",
        "<meta name=csrf-token content={}>",
        "<script nonce={}>go()</script>",
    ],
)
def test_tokens_and_nonces_are_another_in_every_answer(pattern: str) -> None:
    assert differ(pattern.format("a1"), pattern.format("b2")) == []
    assert differ(pattern.format("a1"), "") != []


def test_what_a_selector_of_a_rule_finds_is_not_compared() -> None:
    rules = Compare(ignore=(IgnoreRule(css=".clock"),))
    assert differ("a <i class=clock>10:00</i> b", "a <i class='clock late'>10:01</i> b", rules) == []
    assert differ("a <i class=clock>10:00</i> b", "a b", rules) == []
    assert differ("a <i class=clock>10:00</i> b", "a c", rules) != []


def test_a_field_path_is_a_selector_that_a_rule_can_have() -> None:
    left, right = "<ul><li>1<li><a href=x>a</a></ul>", "<ul><li>2<li><a href=y>a</a></ul>"
    paths = [path for _, path in differ(left, right)]
    assert len(paths) == 2
    rules = Compare(ignore=tuple(IgnoreRule(css=path.removeprefix("css:")) for path in paths))
    assert differ(left, right, rules) == []


def test_a_mask_of_the_whole_body_reaches_texts_and_attributes() -> None:
    rules = Compare(mask={"$": "[0-9a-f]{8}"})
    left, right = "<img src=/logo.0a1b2c3d.png>v0a1b2c3d", "<img src=/logo.ffffffff.png>vffffffff"
    assert differ(left, right, rules) == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<div>" * 100_000, Undecided.TOO_DEEP),
        ("<b>" * 20_000 + "<p>" * 20_000, Undecided.TOO_DEEP),
        ("<svg>" + "<td>" * 50_000, Undecided.TOO_DEEP),
        ("<div>" * 200, Undecided.TOO_DEEP),
        ("<p " + " ".join(f"a{at}=1" for at in range(20_000)) + ">", Undecided.TOO_COMPLEX),
        ("<br>" * 110_000, Undecided.TOO_COMPLEX),
        ("<br>a" * 30_000, Undecided.TOO_COMPLEX),
    ],
    ids=["divs", "formatting", "foreign", "a little too deep", "attributes", "tags", "nodes"],
)
def test_pages_made_to_cost_are_not_read(body: str, reason: Undecided) -> None:
    began = time.process_time()
    assert compared(body, body + "x").undecided is reason
    assert time.process_time() - began < 5  # the parser alone takes minutes for some of them


def test_a_long_ordinary_page_is_read() -> None:
    rows = "".join(f"<tr><td>{at}<td><svg><path d='M0 0'/></svg><td>{at}<br>" for at in range(3000))
    script = "<script>if (a<b && c<d) { x('<div>') }</script>" * 600
    left = f"<table>{rows}</table>{script}<p>one</p>"
    assert differ(left, left.replace("one", "two")) == [("value", "css:html > body > main > p")]


@pytest.mark.parametrize("text", ["", "plain", "<", "</", "<!", "\0", "<\ud800>", "&#xd800;", "<![CDATA[x"])
def test_whatever_is_called_html_is_compared(text: str) -> None:
    body = text.encode("utf-8", "surrogatepass")
    assert compared(body, body + b" ", content_type="text/html").undecided is None
    assert compared(body, body + b"<p>more", content_type="text/html").differences
