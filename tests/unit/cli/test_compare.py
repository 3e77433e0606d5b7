"""`strangler compare` and `strangler replay`: what they refuse, before anything is sent."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy.cli.main import main

FILE = """\
version: 1
upstreams: { monolith: { url: "http://127.0.0.1:1" }, found: { discover: { url: "srv://_http._tcp.orders.test" } } }
defaults: { legacy: monolith }
routes:
  - { name: mine, match: /mine }
  - { name: far, match: /far, to: found }
"""
SIDES = ("--left", "http://127.0.0.1:1", "--right", "http://127.0.0.1:1")


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "routes.yaml"
    file.write_text(FILE)
    return str(file)


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (SIDES, "say what to ask"),
        ((*SIDES, "--crawl", "/", "--har", __file__), "say what to ask"),
        ((*SIDES, "--crawl", "nothing"), "begins with /"),
        (("--crawl", "/"), "say which systems"),
        (("--left", "x", "--right", "http://127.0.0.1:1", "--crawl", "/"), "is not a URL"),
        ((*SIDES, "--crawl", "/", "--ignore", "x"), "says not what is to be ignored"),
        ((*SIDES, "--crawl", "/", "--ignore", "$.a["), "$.a["),
        ((*SIDES, "--crawl", "/", "--exclude", "("), "--exclude"),
        ((*SIDES, "--crawl", "/", "--mask-pattern", "("), "--mask-pattern"),
        ((*SIDES, "--crawl", "/", "--fail-on", "everything"), "--fail-on"),
        ((*SIDES, "--har", __file__), "not JSON"),
        ((*SIDES, "--capture", __file__), "not JSON"),
        ((*SIDES, "--openapi", __file__), "not an OpenAPI document"),
        (("--route", "nosuch", "--crawl", "/"), "there is no route nosuch"),
        (("--route", "mine", "--crawl", "/"), "has no service"),
        (("--route", "far", "--crawl", "/"), "found by discovery"),
    ],
)
def test_wrong_usage_exits_2_and_says_what_is_wrong(config: str, words: tuple[str, ...], said: str) -> None:
    done = run("compare", "-c", config, *words)
    assert (done.exit_code, said in done.output) == (2, True), done.output


@pytest.mark.parametrize("command", ["compare", "replay"])
def test_a_header_that_is_refused_is_not_quoted(command: str) -> None:
    done = run(command, "-H", "Authorization Bearer qwertz")
    assert done.exit_code == 2
    assert "a header is written" in done.output
    assert "qwertz" not in done.output


def test_a_line_of_secrets_that_is_refused_is_not_quoted(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.write_text("***1=fine\npassword=qwertz\n")
    done = run("replay", __file__, "--to", "http://127.0.0.1:1", "--secrets", str(secrets))
    assert (done.exit_code, "qwertz" in done.output) == (2, False)
    assert f"{secrets}:2" in done.output


@pytest.mark.parametrize("rate", ["0x", "fast", "-1/s", "1"])
def test_a_pace_is_a_factor_or_a_number_a_second(rate: str) -> None:
    done = run("replay", __file__, "--to", "http://127.0.0.1:1", "--rate", rate)
    assert (done.exit_code, "such as 2x or 100/s" in done.output) == (2, True)


def test_there_is_nothing_to_resume_where_nothing_was_broken_off(tmp_path: Path) -> None:
    capture = tmp_path / "c.jsonl"
    capture.write_text('{"strangler_capture":1,"recording":"2026-11-22T12:00:00Z","part":1}\n')
    done = run("replay", str(capture), "--to", "http://127.0.0.1:1", "--resume")
    assert (done.exit_code, "no replay of this file was broken off" in done.output) == (2, True)
