"""The listen section: its defaults are those of the model."""

from proxy.config.model import Limits, Listen
from proxy.config.written_listen import LimitsSection, ListenSection


def test_no_default_is_said_twice() -> None:
    written, limits = ListenSection(), LimitsSection()
    for key in ("public", "console", "allow_encoded_slash", "drain_delay", "drain_timeout", "stream_drain"):
        assert getattr(written, key) == getattr(Listen(), key)
    sizes = (limits.head, limits.body, limits.head_timeout, limits.idle_timeout, limits.connections)
    assert Limits(*sizes) == Limits()
