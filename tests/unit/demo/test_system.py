"""What a demo needs, and what its processes are told."""

import pytest

from proxy.demo.errors import CannotStart
from proxy.demo.system import check_installed, environment
from tests.support.processes import ROOT


def test_what_is_missing_is_named_with_what_to_do() -> None:
    with pytest.raises(CannotStart, match=r"no_such_shop\n.*shop"):
        check_installed(["json", "no_such_shop"])


def test_what_is_needed_here_is_here() -> None:
    check_installed()


def test_the_shell_that_starts_a_demo_does_not_configure_it() -> None:
    told = environment(
        {"PATH": "/bin", "DATABASE_URL": "postgresql://prod", "PORT": "1", "STRANGLER_CONFIG": "x", "DEMO_DB": "x"}
    )
    assert told == {"PATH": "/bin", "PYTHONPATH": str(ROOT)}
