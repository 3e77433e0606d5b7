"""Two applications that nobody here wrote, directly and through the proxy: `strangler compare` must find them equal.

    python scripts/compare_real_applications.py [FOLDER]

Installs httpbin and Wagtail (a large Django application) from PyPI into an environment of their own in FOLDER, a
temporary one unless named; fills the site; crawls it, its administration too, with a session. Exit 0 when all is equal.
"""

from __future__ import annotations

import contextlib
import http.client
import http.cookiejar
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

PACKAGES = ("httpbin==0.10.4", "wagtail==8.0.1", "gunicorn>=23")
STRANGLER = Path(sys.executable).with_name("strangler")
READY_SECONDS = 60

HTTPBIN_STARTS = (
    "/", "/get?a=1&a=2", "/headers", "/html", "/json", "/xml", "/robots.txt", "/encoding/utf8", "/gzip", "/deflate",
    "/status/204", "/status/304", "/status/404", "/status/418", "/status/503", "/redirect/3", "/absolute-redirect/2",
    "/redirect-to?url=/get", "/cookies/set?a=b", "/response-headers?X-A=1&X-A=2", "/cache", "/cache/60", "/etag/abc",
    "/bytes/2048?seed=7", "/stream-bytes/2048?seed=7&chunk_size=100", "/range/1024", "/drip?duration=0.1",
    "/delay/0.2", "/image/png", "/image/svg", "/links/8/0", "/forms/post", "/basic-auth/a/b", "/bearer", "/uuid",
)  # fmt: skip
# What httpbin says of the request itself: through a proxy there are fields of the proxy.
HTTPBIN_IGNORED = ("$.headers", "$.origin", "$.url", "$[*].headers", "$[*].url", "$[*].origin")

SITE_SETUP = """
from django.contrib.auth import get_user_model
from wagtail.models import Page
get_user_model().objects.create_superuser("admin", "admin@example.com", "not-a-secret")
home = Page.objects.get(depth=2).specific
for number in range(12):
    home.add_child(instance=type(home)(title=f"Page {number} äöü & <b>", slug=f"page-{number}"))
"""
HOME_TEMPLATE = (
    "{% load wagtailcore_tags %}<!doctype html><title>{{ page.title }}</title><h1>{{ page.title }}</h1>"
    '<ul>{% for each in page.get_children %}<li><a href="{% pageurl each %}">{{ each.title }}</a></li>{% endfor %}</ul>'
)


def main(arguments: Sequence[str]) -> int:
    with contextlib.ExitStack() as stack:
        temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="real-applications-"))
        folder = Path(arguments[0] if arguments else temporary).absolute()
        binaries = install(folder / "venv")
        results = [compare_httpbin(binaries, Path(temporary)), compare_wagtail(binaries, Path(temporary))]
    return max(results)


def install(folder: Path) -> Path:
    binaries = folder / "bin"
    if not (binaries / "gunicorn").exists():
        print("installing", *PACKAGES, flush=True)
        venv.create(folder, with_pip=True)
        pip = [binaries / "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *PACKAGES], check=True, stderr=subprocess.DEVNULL)
    return binaries


def compare_httpbin(binaries: Path, work: Path) -> int:
    ignored = [word for path in HTTPBIN_IGNORED for word in ("--ignore", path)]
    ignored += ["--exclude", "^/stream/"]  # lines that say it too
    with serving(binaries, "httpbin:app", work) as direct, proxied(direct, work / "httpbin") as public:
        return compare("httpbin", direct, public, HTTPBIN_STARTS, *ignored)


def compare_wagtail(binaries: Path, work: Path) -> int:
    site = work / "shopfront"
    site.mkdir()
    subprocess.run([binaries / "wagtail", "start", "shopfront", site], check=True, stdout=subprocess.DEVNULL)
    (site / "home" / "templates" / "home" / "home_page.html").write_text(HOME_TEMPLATE)
    (site / "shopfront" / "settings" / "local.py").write_text("ALLOWED_HOSTS = ['*']\n")
    manage = [binaries / "python", site / "manage.py"]
    for words in (["migrate", "--verbosity=0"], ["shell", "--verbosity=0", "-c", SITE_SETUP]):
        subprocess.run([*manage, *words], check=True, cwd=site)
    settings = {"DJANGO_SETTINGS_MODULE": "shopfront.settings.dev"}
    with (
        serving(binaries, "shopfront.wsgi:application", site, settings) as direct,
        proxied(direct, work / "wagtail") as public,
    ):
        cookie = f"sessionid={log_in(direct)}"
        return max(
            compare(
                "Wagtail, as a visitor", direct, public, ("/", "/admin/login/", "/search/?query=page", "/nowhere/")
            ),
            compare("Wagtail, as its administrator", direct, public, ("/admin/",), "-H", f"Cookie: {cookie}"),
        )


def compare(name: str, direct: str, public: str, starts: Sequence[str], *more: str) -> int:
    words = [str(STRANGLER), "compare", "--left", direct, "--right", public, "--max-requests", "150", *more]
    began = time.monotonic()
    print(f"\n{name}:", flush=True)
    ended = subprocess.run([*words, *(word for start in starts for word in ("--crawl", start))], check=False)
    outcome = "equal" if ended.returncode == 0 else f"exit {ended.returncode}"
    print(f"{name}: {outcome} in {time.monotonic() - began:.1f} s", flush=True)
    return ended.returncode


def log_in(url: str) -> str:
    """The session of the administrator."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    page = opener.open(f"{url}/admin/login/").read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    form = {"username": "admin", "password": "not-a-secret", "csrfmiddlewaretoken": token[1], "next": "/admin/"}
    opener.open(f"{url}/admin/login/", urllib.parse.urlencode(form).encode()).read()
    return next(str(cookie.value) for cookie in jar if cookie.name == "sessionid")


@contextlib.contextmanager
def serving(binaries: Path, app: str, folder: Path, environment: dict[str, str] | None = None) -> Iterator[str]:
    port = free_port()
    words = [binaries / "gunicorn", "--bind", f"127.0.0.1:{port}", "--threads=4", "--log-level=error", app]
    with running(words, folder, {**os.environ, **(environment or {})}):
        wait_for(port, "/")
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def proxied(direct: str, folder: Path) -> Iterator[str]:
    folder.mkdir()
    public, console = free_port(), free_port()
    (folder / "routes.yaml").write_text(
        "version: 1\n"
        f'listen: {{ public: "127.0.0.1:{public}", console: "127.0.0.1:{console}" }}\n'
        f'upstreams: {{ application: {{ url: "{direct}" }} }}\n'
        "defaults: { legacy: application }\n"
    )
    with running([STRANGLER, "serve", "--workers", "1"], folder, dict(os.environ)):
        wait_for(console, "/readyz")
        yield f"http://127.0.0.1:{public}"


@contextlib.contextmanager
def running(words: Sequence[str | Path], folder: Path, environment: dict[str, str]) -> Iterator[None]:
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(list(map(str, words)), cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def wait_for(port: int, path: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException), socket.create_connection(("127.0.0.1", port), 5):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", path)
            if connection.getresponse().status < 500:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing answers on port {port}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
