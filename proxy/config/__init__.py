"""routes.yaml → an immutable `Snapshot`, or a `ConfigError` with every problem of the file."""

from proxy.config.errors import ConfigError, Problem
from proxy.config.model import Snapshot
from proxy.config.source import fingerprint, load_file, load_text

__all__ = ["ConfigError", "Problem", "Snapshot", "fingerprint", "load_file", "load_text"]
