"""What a server tells the world once it serves."""

import socket
from pathlib import Path

from proxy.config.model import Address
from proxy.control.announcement import console_address_kept, notify_systemd, read_console_address


def test_the_console_is_found_in_the_state_folder_while_the_server_lives(tmp_path: Path) -> None:
    for address in (Address("127.0.0.1", 8081), Address("::1", 8081)):
        with console_address_kept(str(tmp_path), address):
            assert read_console_address(str(tmp_path)) == address
        assert read_console_address(str(tmp_path)) is None


def test_a_server_that_ends_leaves_the_address_of_its_successor(tmp_path: Path) -> None:
    successor = Address("127.0.0.1", 8082)
    with console_address_kept(str(tmp_path), Address("127.0.0.1", 8081)):
        (tmp_path / "console").write_text(f"{successor}\n")
    assert read_console_address(str(tmp_path)) == successor


def test_a_state_folder_that_does_not_exist_is_done_without(tmp_path: Path) -> None:
    with console_address_kept(str(tmp_path / "missing"), Address("127.0.0.1", 8081)):
        assert read_console_address(str(tmp_path / "missing")) is None


def test_systemd_is_told_when_it_asked_to_be(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(path)
        notify_systemd("READY=1", {"NOTIFY_SOCKET": path})
        assert receiver.recv(100) == b"READY=1"


def test_nobody_is_told_when_nobody_asked() -> None:
    notify_systemd("READY=1", {})
    notify_systemd("READY=1", {"NOTIFY_SOCKET": "/no/such/socket"})
