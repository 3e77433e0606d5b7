"""The script that reads a URLconf: run as it is run, by an interpreter of its own, on projects made for the test."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from proxy.inventory import patterns

SCRIPT = Path(patterns.__file__).with_name("read_urlconf.py")
MARK = "strangler-urlconf:"

SETTINGS = """
SECRET_KEY = "x"
ROOT_URLCONF = "project.urls"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
                  "django.contrib.messages", "django.contrib.admin"]
print("a project prints what it likes")
"""


def read(tmp_path: Path, urls: str, settings: str = SETTINGS) -> dict[str, Any]:
    package = tmp_path / "project"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").touch()
    (package / "settings.py").write_text(settings)
    (package / "urls.py").write_text(textwrap.dedent(urls))
    text = SCRIPT.read_text()
    done = subprocess.run(
        [sys.executable, "-c", text, "project.settings"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    line = done.stdout.splitlines()[-1]
    assert line.startswith(MARK)
    found: dict[str, Any] = json.loads(line.removeprefix(MARK))
    return found


def by_template(found: dict[str, Any], key: str) -> dict[str, Any]:
    return {pattern["template"]: pattern[key] for pattern in found["patterns"]}


def test_every_kind_of_pattern_becomes_a_template(tmp_path):
    found = read(
        tmp_path,
        r"""
        from django.conf.urls.i18n import i18n_patterns
        from django.contrib import admin
        from django.urls import include, path, re_path

        def view(request, **captured): ...

        inner = ([path("list/", view, name="list"), re_path(r"^(?P<pk>[0-9]+)/$", view)], "orders")
        urlpatterns = [
            path("", view),
            path("a/<int:pk>/", view),
            path("files/<path:rest>", view),
            path("p/<path:rest>/edit", view),
            path("page-<int:n>/x", view),
            path("orders/", include(inner, namespace="shop")),
            re_path(r"^year/(?P<year>\d{4})/(?:all/)?$", view),
            re_path(r"^old/(\w+)/?$", view),
            re_path(r"^wild/.*$", view),
            re_path(r"^open/", view),
            re_path(r"^(?P<kind>a|b)/$", view),
            path("admin/", admin.site.urls),
            *i18n_patterns(path("hello/", view)),
        ]
        """,
    )
    assert [pattern["template"] for pattern in found["patterns"]] == [
        "/", "/a/{pk}/", "/files/**", "/p/**", "/{n}/x", "/orders/list/", "/orders/{pk}/", "/year/{year}/**",
        "/old/{value1}/", "/wild/**", "/open/**", "/{kind}/", "/admin/**", "/{language}/hello/",
    ]  # fmt: skip
    assert by_template(found, "name")["/orders/list/"] == "shop:list"
    assert by_template(found, "admin")["/admin/**"] is True
    assert by_template(found, "app")["/admin/**"] == "admin"
    assert by_template(found, "view")["/"] == "project.urls.view"


def test_methods_are_known_where_a_view_says_them(tmp_path):
    found = read(
        tmp_path,
        """
        from django.contrib.auth.decorators import login_required
        from django.urls import path
        from django.views import View
        from django.views.decorators.http import require_http_methods, require_safe

        class Class(View):
            def get(self, request): ...
            def put(self, request): ...

        class Narrow(Class):
            http_method_names = ["get"]

        @require_http_methods(["POST", "DELETE"])
        def post(request): ...

        def unknown(request): ...

        def dispatch(**methods):
            def view(request): return methods[request.method](request)
            return view

        urlpatterns = [
            path("class", Class.as_view()), path("narrow", Narrow.as_view()), path("post", post),
            path("wrapped", login_required(post)), path("safe", require_safe(unknown)), path("unknown", unknown),
            path("both", require_http_methods(["POST"])(require_http_methods(["POST", "GET"])(unknown))),
            path("table", dispatch(GET=unknown, PUT=unknown)),
        ]
        """,
    )
    assert by_template(found, "methods") == {
        "/class": ["GET", "PUT"],
        "/narrow": ["GET"],
        "/post": ["DELETE", "POST"],
        "/wrapped": ["DELETE", "POST"],
        "/safe": ["GET", "HEAD"],
        "/unknown": None,
        "/both": ["POST"],
        "/table": ["GET", "PUT"],
    }


def test_no_view_is_called_and_no_database_is_asked(tmp_path):
    found = read(
        tmp_path, "from django.urls import path\ndef view(request): raise SystemExit\nurlpatterns = [path('', view)]"
    )
    assert len(found["patterns"]) == 1


def test_what_cannot_be_read_is_one_line(tmp_path):
    ok = "urlpatterns = []"
    assert "URLconf project.urls cannot be read: ZeroDivisionError" in read(tmp_path, "1/0")["error"]
    assert "settings project.settings name no ROOT_URLCONF" in read(tmp_path, ok, "SECRET_KEY = 'x'")["error"]
    assert (
        "settings project.settings cannot be used: KeyError: 'HOME_OF'"
        in read(tmp_path, ok, "import os; os.environ['HOME_OF']")["error"]
    )
    assert "SystemExit" in read(tmp_path, ok, "raise SystemExit(3)")["error"]
