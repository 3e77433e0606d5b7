"""The log: one JSON object a line, on stderr.

A line holds only what a caller of the logger named in `fields`, and the ids of the request at hand: never a
header, a query string or a body.
"""

import json
import logging
from datetime import UTC, datetime

from extracted_services.chassis.trace import current


class JsonFormatter(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {
            "time": moment,
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        trace = current.get()
        if trace is not None:
            line |= {"request_id": trace.request_id, "trace_id": trace.trace_id, "span_id": trace.span_id}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure_logging(level: str, service: str) -> None:
    """Send every logger of the process to stderr as JSON."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("stamina").setLevel(logging.ERROR)  # the client tells of its retries itself
    for chatty in ("aiokafka", "aiosqlite", "alembic", "asyncio", "dbos", "httpcore", "httpx", "uvicorn"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
