"""How log lines look, and which request they belong to.

A line never holds a header, a query string, a form value or a token: only what is named in `FIELDS`.
"""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime

FIELDS = ("method", "path", "status", "duration_ms")
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)


class RequestContext(logging.Filter):
    """Puts the ids of the request at hand on every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        record.traceparent = traceparent.get()
        return True


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": moment, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        for name in (*FIELDS, "request_id", "traceparent"):
            value = getattr(record, name, None)
            if value is not None:
                line[name] = value
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def logging_config(log_format: str, level: str) -> dict:
    """A `logging.config.dictConfig` for Django, uvicorn and the shop alike: one handler, on stderr."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"context": {"()": RequestContext}},
        "formatters": {
            "json": {"()": JsonFormatter},
            "plain": {"format": "%(asctime)s %(levelname)-7s %(name)s %(message)s [%(request_id)s]"},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": log_format, "filters": ["context"]}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django's own handlers are taken away, and its WARNING for every 4xx: the request line says that already.
            "django": {"handlers": [], "level": level},
            "django.request": {"level": "ERROR"},
            "django.server": {"handlers": [], "propagate": True},
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "PIL": {"level": "INFO"},
            "httpx": {"level": "WARNING"},
            "aiokafka": {"level": "CRITICAL"},  # an ERROR for every try; the worker says when the broker goes and comes
            "asyncio": {"level": "WARNING"},
        },
    }
