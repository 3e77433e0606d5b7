"""Asking a project for its URLconf: what can go wrong is one clear message."""

import json
import stat
from pathlib import Path

import pytest

from proxy.operations.errors import Code, OperationError
from proxy.operations.urlconf import MARK, ask_django, read_document, read_file


@pytest.fixture
def python(tmp_path: Path):
    """An interpreter that prints what it is told to, whatever it is to run."""

    def make(output: str, status: int = 0) -> str:
        file = tmp_path / "python"
        file.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\necho on stderr >&2\nexit {status}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        return str(file)

    return make


def refusal(*arguments: str) -> OperationError:
    with pytest.raises(OperationError) as caught:
        ask_django(*arguments)
    assert caught.value.code is Code.INVALID
    return caught.value


def test_the_last_marked_line_counts_whatever_a_project_prints(python):
    assert ask_django("shop.settings", python(f'hello\n{MARK}{{"patterns": []}}')) == {"patterns": []}


def test_an_interpreter_that_is_none(tmp_path):
    error = refusal("shop.settings", str(tmp_path / "nothing"))
    assert "nothing cannot be run: no such file or directory" in error.message
    assert "--python" in error.details[0]


def test_a_project_that_ends_the_interpreter(python):
    error = refusal("shop.settings", python("hello", 3))
    assert "ended with status 3" in error.message
    assert error.details == ("on stderr",)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("django cannot be imported by python: ModuleNotFoundError: No module named 'django'", "--python"),
        ("settings shop cannot be used: ModuleNotFoundError: No module named 'shop'", "manage.py"),
        ("settings shop name no ROOT_URLCONF", None),
    ],
)
def test_what_the_script_says_is_passed_on_with_advice(python, said, advice):
    error = refusal("shop", python(MARK + json.dumps({"error": said})))
    assert error.message == said
    assert (advice is None and not error.details) or advice in error.details[0]


def test_a_kept_urlconf_is_read(tmp_path):
    file = tmp_path / "urls.json"
    file.write_text('{"patterns": [{"template": "/a/"}]}')
    assert [pattern.template for pattern in read_file(str(file)).patterns] == ["/a/"]


@pytest.mark.parametrize(
    ("content", "message"), [("{", "it is not JSON"), ("[]", "it is not a URLconf"), ("[" * 100_000, "it is not JSON")]
)
def test_a_kept_urlconf_that_is_none(tmp_path, content, message):
    file = tmp_path / "urls.json"
    file.write_text(content)
    with pytest.raises(OperationError, match=message):
        read_file(str(file))


def test_a_kept_urlconf_that_is_not_there():
    with pytest.raises(OperationError, match="no such file or directory") as caught:
        read_file("nowhere/urls.json")
    assert caught.value.code is Code.INVALID


def test_a_document_is_named_in_what_is_said_of_it():
    with pytest.raises(OperationError, match="the URLconf of shop: it is not"):
        read_document([], "the URLconf of shop")
