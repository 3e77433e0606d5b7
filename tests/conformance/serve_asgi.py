"""Serve the ASGI app of a routes.yaml with plain uvicorn.

`python -m tests.conformance.serve_asgi FILE PORT KEEP_ALIVE`, where an idle connection is kept for so many seconds.
"""

import os
import sys
from pathlib import Path

import uvicorn

from proxy import create_app
from proxy.config import load_file


def main(path: str, port: str, keep_alive: str) -> None:
    app = create_app(load_file(Path(path), os.environ))
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(port),
        log_level="warning",
        proxy_headers=False,  # whom to believe is for routes.yaml to say
        server_header=False,
        date_header=False,
        timeout_keep_alive=int(keep_alive),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
