"""People in front of the shop with a real browser, behind the proxy: it works as it does without."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.support.shop import ADDRESS, GOOD_CARD, Deployment, deployed

pytestmark = pytest.mark.slow

OpenBrowser = Callable[[str], AbstractContextManager[Page]]


@pytest.fixture(scope="module")
def shop(chromium: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    sample = ("--products", "26", "--orders", "20", "--users", "5")
    with deployed(tmp_path_factory.mktemp("shop"), *sample, with_inventory=True) as deployment:
        yield deployment


@pytest.fixture(params=["legacy", "cutover"])
def stage(request: pytest.FixtureRequest, shop: Deployment) -> str:
    """Where products and stock of the API are answered."""
    shop.cut_over(request.param)
    stage: str = request.param
    return stage


def log_in(page: Page, user: str, password: str = "") -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill(password or f"{user}-pass")
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("button", name=f"Log out {user}")).to_be_visible()


def sign_up(page: Page, user: str) -> None:
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("Username").fill(user)
    page.get_by_label("Email").fill(f"{user}@example.com")
    page.get_by_label("Password", exact=False).first.fill("correct horse battery")
    page.locator("input[name=password2]").fill("correct horse battery")
    page.locator("main form button").click()
    expect(page.get_by_role("button", name=f"Log out {user}")).to_be_visible()


def search_and_order(page: Page, sku: str) -> str:
    """Find a product, put two into the cart, pay; the address of the order's page."""
    page.get_by_role("searchbox").fill(sku)
    page.get_by_role("searchbox").press("Enter")
    page.locator(f"main a[href='/products/{sku}/']").first.click()
    page.get_by_label("Pieces").fill("2")
    page.get_by_role("button", name="Add to cart").click()
    page.goto("/cart/")
    page.get_by_role("link", name="Check out").click()
    for name, value in ADDRESS.items():
        field = page.locator(f"[name={name}]")
        if name == "country":
            field.select_option(value)
        else:
            field.fill(value)
    page.locator("[name=card_number]").fill(GOOD_CARD)
    page.get_by_role("button", name=re.compile("^Pay")).click()
    expect(page).to_have_url(re.compile("/orders/[0-9a-f-]{36}/$"))
    return page.url


def mark(page: Page, action: str, number: str) -> None:
    """Choose an action of the back office for one order."""
    page.goto(f"/admin/orders/order/?q={number}")
    page.locator("input[name=_selected_action]").first.check()
    page.locator("select[name=action]").select_option(action)
    page.locator("button[name=index]").click()
    expect(page.get_by_text("1 orders changed.")).to_be_visible()


def test_a_new_customer_signs_up_orders_and_sees_the_status_change_live(
    shop: Deployment, stage: str, person: OpenBrowser
) -> None:
    with person(shop.proxied.url) as customer, person(shop.proxied.url) as staff:
        sign_up(customer, f"dora-{stage}")
        order = search_and_order(customer, shop.best_stocked())
        status = customer.locator("#status")
        expect(status).to_have_text("Confirmed")
        log_in(staff, "admin")
        order_id = order.rstrip("/").rpartition("/")[2].replace("-", "")
        for action, shown in (("ship", "Shipped"), ("deliver", "Delivered")):
            mark(staff, action, order_id)
            expect(status).to_have_text(shown)  # without a reload of the page
        expect(customer.locator("#history li")).to_have_count(4)
        customer.get_by_role("button", name=f"Log out dora-{stage}").click()
        expect(customer.get_by_role("link", name="Log in")).to_be_visible()


def test_a_page_made_while_the_status_changed_comes_to_show_the_newest(shop: Deployment, person: OpenBrowser) -> None:
    def with_the_status_before(route: Route) -> None:
        page = route.fetch()
        before = (
            page.text().replace("status confirmed", "status pending").replace(">Confirmed</span>", ">Pending</span>")
        )
        assert before != page.text()
        route.fulfill(response=page, body=before)

    with person(shop.proxied.url) as customer:
        log_in(customer, "alice")
        order = search_and_order(customer, shop.best_stocked())
        customer.route(order, with_the_status_before)
        customer.reload()
        expect(customer.locator("#status")).to_have_text("Confirmed")
        expect(customer.locator("#status")).to_have_class("status confirmed")
        expect(customer.locator("#history li")).to_have_count(2)


def test_staff_edit_a_product_and_give_it_a_picture(shop: Deployment, stage: str, person: OpenBrowser) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (320, 200), "teal" if stage == "legacy" else "maroon").save(picture, "PNG")
    with person(shop.proxied.url) as staff, person(shop.proxied.url) as customer:
        staff.goto("/admin/")
        staff.get_by_label("Username").fill("admin")
        staff.get_by_label("Password").fill("admin-pass")
        staff.locator("input[type=submit], main button").first.click()
        staff.goto("/admin/catalogue/product/")
        staff.locator("#result_list tbody th a").first.click()
        sku = staff.locator("#id_sku").input_value()
        staff.locator("#id_name").fill(f"Vase of the {stage} days")
        upload = {"name": "vase.png", "mimeType": "image/png", "buffer": picture.getvalue()}
        staff.locator("#id_image").set_input_files(upload)
        staff.get_by_role("button", name="Save", exact=True).click()
        expect(staff.locator(".messagelist .success")).to_contain_text("was changed successfully")

        customer.goto(f"/products/{sku}/")
        expect(customer.get_by_role("heading", name=f"Vase of the {stage} days")).to_be_visible()
        shown = customer.locator("article img")
        size = shown.evaluate("image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])")
        assert size == [320, 200]


def test_what_pages_fetch_from_the_api_comes_from_the_side_the_table_says(
    shop: Deployment, stage: str, person: OpenBrowser
) -> None:
    side = "service" if stage == "cutover" else "legacy"
    counted = {"route": "products", "side": side}
    before = shop.server.metric("strangler_requests_total", **counted)
    with person(shop.proxied.url) as page:
        log_in(page, "alice")
        items = page.evaluate("fetch('/api/products?limit=5').then(answer => answer.json()).then(body => body.items)")
        assert len(items) == 5
        page.goto(f"/products/{items[0]['sku']}/")
        shown = page.evaluate("path => fetch(path).then(answer => answer.json())", f"/api/products/{items[0]['sku']}")
        assert shown == items[0]
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.goto("/orders/")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    shop.server.process.wait_until(
        lambda: shop.server.metric("strangler_requests_total", **counted) == before + 2, within=60
    )
