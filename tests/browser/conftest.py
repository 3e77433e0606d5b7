"""A real Chromium for pages that are looked at through the proxy. Without one the suite is skipped, and says why."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


SHOWN_WITHIN_MS = 60_000
START_WITHIN_MS = 120_000

expect.set_options(timeout=SHOWN_WITHIN_MS)


@pytest.fixture(scope="module")  # its event loop must not stay for the tests of other modules
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no browser: {CHROMIUM} is missing; apt-get install chromium, or run make test as root")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS), timeout=START_WITHIN_MS)
        yield browser
        browser.close()


class Complaints:
    """What a browser finds wrong with pages: errors of scripts, failed requests, answers of the server's failure."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def listen(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.found.append(f"{page.url}: {error}"))
        page.on("requestfailed", lambda request: self._failed(request.url, request.failure))
        page.on("response", lambda answer: self._answered(answer.status, answer.url))

    def _failed(self, url: str, reason: str | None) -> None:
        if reason != "net::ERR_ABORTED":  # the person went elsewhere: an event stream ends so
            self.found.append(f"{url}: {reason}")

    def _answered(self, status: int, url: str) -> None:
        if status >= 400:
            self.found.append(f"{url}: {status}")


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """Must be empty at the end of a test."""
    complaints = Complaints()
    yield complaints
    assert complaints.found == []


@pytest.fixture
def person(chromium: Browser, complaints: Complaints) -> Callable[[str], AbstractContextManager[Page]]:
    """Opens the browser of one more person: an empty profile, and its first page at an address."""

    @contextmanager
    def open_browser(address: str) -> Iterator[Page]:
        context = chromium.new_context(base_url=address)
        context.set_default_timeout(SHOWN_WITHIN_MS)
        page = context.new_page()
        complaints.listen(page)
        try:
            page.goto("/")
            yield page
        except Error:
            print(page.url, page.content()[:3000])
            raise
        finally:
            context.close()

    return open_browser
