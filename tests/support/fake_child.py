"""A child of the supervisor with none of the product in it: it reports, waits, and ends as the environment says.

`FAKE_WORKER` and `FAKE_CONTROL` are words: `exit=N` (end at once), `mute` (never report serving), `deaf` (ignore
SIGTERM), `replace=N` (ask for another in the place of that generation, whenever it is told something); workers also
obey the words in the file `FAKE_BEHAVIOUR_FILE` at their start. What happens is appended to the file `FAKE_DIARY`, one
JSON object a line.
"""

import json
import os
import signal
import socket
import struct
import sys
from pathlib import Path
from types import FrameType

OPTIONS = dict(argument.removeprefix("--").split("=", 1) for argument in sys.argv[1:] if "=" in argument)
KIND = "worker" if "worker" in OPTIONS else "control"
NAME = f"worker-{OPTIONS['worker']}" if KIND == "worker" else "control"
GENERATION = int(OPTIONS["generation"])


def note(event: str, **fields: object) -> None:
    line = {"event": event, "name": NAME, "generation": GENERATION, "pid": os.getpid(), **fields}
    with Path(os.environ["FAKE_DIARY"]).open("a") as diary:
        diary.write(json.dumps(line) + "\n")


def on_term(_number: int, _frame: FrameType | None) -> None:
    note("term")
    if "deaf" not in BEHAVIOUR:
        note("end")
        os._exit(0)


def frame(message: dict[str, object]) -> bytes:
    body = json.dumps(message).encode()
    return struct.pack(">I", len(body)) + body


BEHAVIOUR = os.environ.get(f"FAKE_{KIND.upper()}", "").split()
if behaviour_file := os.environ.get("FAKE_BEHAVIOUR_FILE"):
    BEHAVIOUR += Path(behaviour_file).read_text().split() if KIND == "worker" else []
note("start", token="STRANGLER_TOKEN" in os.environ, malloc=os.environ.get("MALLOC_TRIM_THRESHOLD_"))
for word in BEHAVIOUR:
    if word.startswith("exit="):
        sys.exit(int(word.removeprefix("exit=")))
signal.signal(signal.SIGTERM, on_term)
reports = socket.socket(fileno=int(OPTIONS["report-fd"]))
if "mute" not in BEHAVIOUR:
    reports.sendall(frame({"type": "serving"}))
buffer = b""
while data := reports.recv(65536):
    buffer += data
    while len(buffer) >= 4 and len(buffer) >= 4 + struct.unpack(">I", buffer[:4])[0]:
        end = 4 + struct.unpack(">I", buffer[:4])[0]
        message, buffer = json.loads(buffer[4:end]), buffer[end:]
        note("told", message=message)
        for word in BEHAVIOUR:
            if word.startswith("replace="):
                reports.sendall(frame({"type": "replace", "generation": int(word.removeprefix("replace="))}))
note("orphaned")
