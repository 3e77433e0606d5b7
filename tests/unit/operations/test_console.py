"""What the command line makes of whatever answers at the console's address."""

import json
import socket
import threading

import pytest

from proxy.config.model import Address
from proxy.control.token import Token
from proxy.operations.console import Console
from proxy.operations.errors import Code, OperationError
from tests.support.server import NamedUpstream

TOKEN = Token("STRANGLER_TOKEN", "s3cret")


def failure(port: int) -> OperationError:
    with pytest.raises(OperationError) as caught:
        Console(Address("127.0.0.1", port), TOKEN).status()
    assert "s3cret" not in str(caught.value)
    return caught.value


def test_nobody_listening_is_unreachable() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))  # bound, and not listening
        error = failure(holder.getsockname()[1])
    assert error.code is Code.UNREACHABLE
    assert error.message.endswith("connection refused")


def test_somebody_else_at_the_address_is_not_mistaken_for_the_server() -> None:
    with NamedUpstream.running("<html>") as other:
        error = failure(other.server_address[1])
    assert error.code is Code.UNREACHABLE
    assert "is not this server" in error.message


def test_a_peer_that_hangs_up_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        hang_up = threading.Thread(target=lambda: listener.accept()[0].close())
        hang_up.start()
        assert failure(listener.getsockname()[1]).code is Code.UNREACHABLE
        hang_up.join()


def test_whether_anybody_listens_is_known_without_a_question() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        address = Address("127.0.0.1", holder.getsockname()[1])
        assert not Console(address, TOKEN).answers()
        holder.listen()
        assert Console(address, TOKEN).answers(), "who listens and says nothing is there all the same"


def test_what_a_problem_says_to_programs_comes_along() -> None:
    body = {"type": "urn:strangler:gate-not-met", "detail": "no", "problems": ["a"], "gates": {"cart": []}}
    with pytest.raises(OperationError) as caught:
        Console(Address("127.0.0.1", 1), TOKEN)._read(409, json.dumps(body).encode())
    error = caught.value
    assert (error.code, error.details, error.data) == (Code.NOT_MET, ("a",), {"gates": {"cart": []}})
