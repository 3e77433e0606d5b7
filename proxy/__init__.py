"""A reverse proxy that moves a monolith's routes to new services, one route at a time, and back.

`create_app` is for embedding and tests; `strangler serve` runs the engine.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.config.model import Snapshot
    from proxy.engines.embedded.asgi import ProxyApp

__all__ = ["__version__", "create_app"]
__version__ = "0.1.0"


def create_app(config: Snapshot | Path | str = "routes.yaml") -> ProxyApp:
    """The proxy as an ASGI application, configured by a routes.yaml or a snapshot.

    Raises proxy.config.ConfigError with every problem of the file. Let the server add no Date and no Server field of
    its own (uvicorn: `--no-date-header --no-server-header`): the upstream's are passed on.
    """
    from proxy.config import load_file
    from proxy.config.model import Snapshot
    from proxy.engines.embedded.asgi import ProxyApp

    snapshot = config if isinstance(config, Snapshot) else load_file(Path(config), os.environ)
    return ProxyApp(snapshot)
