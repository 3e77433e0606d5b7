"""`strangler export`: captures for other tools, and theirs as captures."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from proxy.cli.main import main
from proxy.comparison.capture_file import CaptureWriter, read_capture
from proxy.wire.redaction import Redaction, Redactor
from tests.support.exchanges import AT, a_request, an_answer, an_exchange


def export(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


def captured(path: Path) -> Path:
    writer = CaptureWriter(path, Redactor(Redaction()), AT, lambda _line: None)
    writer.write(an_exchange(a_request("/a?b=c", fields=(("Cookie", "sessionid=s3cr3t"),)), an_answer(b"[1]")))
    writer.close()
    return path


def test_a_capture_becomes_a_har_and_that_a_capture(tmp_path: Path) -> None:
    capture, har, again = captured(tmp_path / "c.jsonl"), tmp_path / "c.har", tmp_path / "again.jsonl"
    assert export("har", capture, "--origin", "https://shop.example", "-o", har).exit_code == 0
    (entry,) = json.loads(har.read_text())["log"]["entries"]
    assert entry["request"]["url"] == "https://shop.example/a?b=c"
    result = export("jsonl", har, "-o", again)
    assert (result.exit_code, result.stderr) == (0, f"{again}: 1 exchange\n")
    (found,) = read_capture(again, lambda _line: None)
    assert (found.request.target, found.answers[found.primary].body) == ("/a?b=c", b"[1]")


def test_a_har_on_stdout_can_be_piped(tmp_path: Path) -> None:
    result = export("har", captured(tmp_path / "c.jsonl"))
    assert json.loads(result.stdout)["log"]["version"] == "1.2"
    assert "s3cr3t" not in result.stdout


def test_secrets_of_a_browser_are_masked_on_the_way(tmp_path: Path) -> None:
    har, capture = tmp_path / "c.har", tmp_path / "c.jsonl"
    har.write_text(export("har", captured(tmp_path / "o.jsonl")).stdout.replace("/a?b=c", "/a?token=s3cr3t"))
    assert export("jsonl", har, "-o", capture).exit_code == 0
    assert b"s3cr3t" not in capture.read_bytes()


def test_other_origins_are_left_out_and_counted(tmp_path: Path) -> None:
    har = tmp_path / "c.har"
    export("har", captured(tmp_path / "c.jsonl"), "-o", har)
    result = export("jsonl", har, "--origin", "http://other.example", "-o", tmp_path / "n.jsonl")
    assert result.stderr.endswith("n.jsonl: 0 exchanges; 1 left out\n")


def test_what_cannot_be_read_or_written_is_said(tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("nonsense")
    for arguments, said in [
        (("har", nonsense), f"{nonsense}:1: "),
        (("jsonl", nonsense, "-o", tmp_path / "n"), f"{nonsense}: not JSON"),
        (("har", captured(tmp_path / "c.jsonl"), "-o", tmp_path), "is a directory"),
        (("jsonl", _har(tmp_path), "-o", nonsense), f"{nonsense}: is there already"),
    ]:
        result = export(*arguments)
        assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


def _har(folder: Path) -> Path:
    har = folder / "x.har"
    har.write_text(export("har", captured(folder / "x.jsonl")).stdout)
    return har
