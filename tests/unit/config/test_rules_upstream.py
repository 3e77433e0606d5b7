"""Rules about where an upstream is that need discovery; the others are judged with those of the whole file."""

import pytest

from tests.support.routes_yaml import BASE, one_problem, problems


def discovered(written: str) -> str:
    return BASE.replace('url: "http://127.0.0.1:8101"', f"discover: {written}")


def test_a_file_needs_no_resolver() -> None:
    found = one_problem(discovered('{ url: endpoints.yaml, resolver: "127.0.0.1:53" }'))
    assert found == ("routes.yaml:4:46: a resolver is never asked where endpoints are in a file (hint: remove it)")
    assert problems(discovered('{ url: "dns://h:1", resolver: "127.0.0.1:53" }')) == []


@pytest.mark.parametrize("written", ['"dns://h:1"', "srv://h", "endpoints.yaml"])
def test_what_is_found_may_be_https(written: str) -> None:
    assert problems(discovered(f"{written}, tls: {{ verify: false }}")) == []
