"""What is held right now, as it is sent to workers, and as it lies in the private folder for one that starts.

A worker that starts during a handover begins with it, before it has a link; `until` of each hold says for how long it
may believe it. A file that cannot be read holds nothing: the databases decide who may write, not this.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from proxy.control.folder import write_atomically
from proxy.control.link import Message
from proxy.forwarding.holding import Hold, hold_from

HOLDS_FILE = "holds.json"


def holds_message(holds: Sequence[Hold]) -> Message:
    return {"type": "holds", "holds": [hold.as_json() for hold in holds]}


def holds_in(message: Message) -> list[Hold]:
    """Raises KeyError, TypeError or ValueError."""
    return [hold_from(each) for each in message["holds"]]


def write_holds(folder: str, holds: Sequence[Hold]) -> None:
    """Raises OSError."""
    write_atomically(Path(folder, HOLDS_FILE), json.dumps(holds_message(holds)).encode())


def read_holds(folder: str) -> list[Hold]:
    """None when there is no such file, or nothing that can be read."""
    try:
        return holds_in(json.loads(Path(folder, HOLDS_FILE).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return []
