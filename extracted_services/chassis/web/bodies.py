"""Reads the body of a request as JSON; raises the problems 415, 413 and 400, in that order."""

import json
from typing import Any

from starlette.requests import Request

from extracted_services.chassis.web.headers import read_header
from extracted_services.chassis.web.problems import Problem, invalid_request

MAX_BODY_BYTES = 64 * 1024


async def read_json(request: Request, *, most_bytes: int = MAX_BODY_BYTES) -> Any:
    """The body as a JSON value of any kind; `chassis.web.fields` says what is in it. Raises Problem."""
    media_type = (read_header(request, "content-type") or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem("unsupported-media-type", "Send application/json")
    return _parse(await _read(request, most_bytes))


async def _read(request: Request, most_bytes: int) -> bytes:
    body = bytearray()
    declared = request.headers.get("content-length", "0")
    is_too_long = declared.isdigit() and int(declared[:20]) > most_bytes
    if not is_too_long:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most_bytes:
                is_too_long = True
                break
    if is_too_long:
        raise Problem("too-large", f"At most {most_bytes} bytes are accepted")
    return bytes(body)


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise invalid_request("The body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise invalid_request(f"The body is not JSON: line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError):  # a number of thousands of digits; thousands of brackets
        raise invalid_request("The body is not JSON that can be read") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
