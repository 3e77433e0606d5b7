"""Style sheets, scripts and product pictures, served by the shop itself: it runs without a web server beside it.

Files are small (pictures are at most 2 MiB), so an answer is one read; nothing outside the two folders can be named.
"""

import mimetypes
from collections.abc import Callable
from functools import partial
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.exceptions import SuspiciousFileOperation
from django.http import Http404, HttpResponse
from django.utils._os import safe_join
from django.views.decorators.http import conditional_page, require_safe

MAX_AGE_S = 3600


@require_safe
@conditional_page
def static_file(request, path: str) -> HttpResponse:
    return _answer(finders.find, path)


@require_safe
@conditional_page
def media_file(request, path: str) -> HttpResponse:
    return _answer(partial(safe_join, settings.MEDIA_ROOT), path)


def _answer(find: Callable[[str], str | None], path: str) -> HttpResponse:
    try:
        found = find(path)
    except (SuspiciousFileOperation, ValueError):  # outside of the folder; a NUL
        found = None
    file = Path(found) if found else None
    if file is None or not file.is_file():
        raise Http404("no such file")
    content_type, encoding = mimetypes.guess_type(file.name)
    response = HttpResponse(file.read_bytes(), content_type=content_type or "application/octet-stream")
    if encoding:
        response["Content-Encoding"] = encoding
    response["Cache-Control"] = f"public, max-age={MAX_AGE_S}"
    return response
