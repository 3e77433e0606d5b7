"""A Snapshot as JSON, for the socket between our own processes. Not a format for anyone else: it may change at will."""

from functools import cache

from pydantic import TypeAdapter

from proxy.config.model import Snapshot


@cache
def _adapter() -> TypeAdapter[Snapshot]:
    return TypeAdapter(Snapshot)  # building it takes milliseconds


def dump_snapshot(snapshot: Snapshot) -> bytes:
    """JSON in UTF-8."""
    return _adapter().dump_json(snapshot)


def load_snapshot(data: bytes) -> Snapshot:
    """The inverse of `dump_snapshot`. Raises ValueError for anything else."""
    return _adapter().validate_json(data)
