"""Files, secrets, sizes: where a snapshot comes from, and that everything wrong with them is a ConfigError."""

import os
from pathlib import Path

import pytest

from proxy.config import ConfigError, fingerprint, load_file, load_text
from tests.support.routes_yaml import BASE, load, with_route


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_file(path, {})
    return str(caught.value)


def test_a_file_is_named_as_it_was_given_and_its_folder_is_the_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("conf").mkdir()
    Path("conf/routes.yaml").write_text(BASE)
    snapshot = load_file("conf/routes.yaml", {})
    assert snapshot.state_dir == str(tmp_path / "conf" / ".strangler")
    assert snapshot.sources == (str(tmp_path / "conf" / "routes.yaml"),)
    Path("conf/routes.yaml").write_text("a: 1\n")
    assert refusal(Path("conf/routes.yaml")).startswith("conf/routes.yaml:1:1: ")


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.yaml").startswith(f"{tmp_path}/none.yaml: no such file or directory")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}: is a directory"


def test_a_name_that_no_file_can_have_is_refused() -> None:
    assert "not a possible file name" in refusal(Path("a\0b"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text(BASE)
    path.chmod(0)
    assert refusal(path) == f"{path}: permission denied"


def test_a_large_file_is_refused_by_its_size_alone(tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    with path.open("wb") as file:
        file.truncate(10 * 1024**4)  # sparse: reading it would never end
    assert refusal(path).endswith("at most 1,048,576 (1 MiB) are read")


def test_a_pipe_is_read_no_further_than_the_limit(tmp_path: Path) -> None:
    assert "more than 1,048,576 bytes" in refusal(Path("/dev/zero"))


def test_a_pipe_can_be_read() -> None:
    reader, writer = os.pipe()
    os.write(writer, BASE.encode())
    os.close(writer)
    try:
        assert load_file(f"/dev/fd/{reader}", {}).legacy == "monolith"
    finally:
        os.close(reader)


def test_the_revision_changes_with_the_text_and_with_what_is_filled_in(tmp_path: Path) -> None:
    text = with_route('name: r\nmatch: /a\nowner: "${A:-x}-${file:who}"')

    def revision(text: str, who: str, **environ: str) -> str:
        (tmp_path / "who").write_text(who)
        return load_text(text, "routes.yaml", environ, tmp_path).revision

    first = revision(text, "me")
    assert revision(text, "me", UNUSED="1") == first
    others = {revision(text + "#", "me"), revision(text, "you"), revision(text, "me", A="y")}
    assert len(others | {first}) == 4


def test_text_and_bytes_have_one_revision() -> None:
    assert load_text(BASE, "a", {}, "/").revision == load_text(BASE.encode(), "b", {}, "/").revision
    assert len(load(BASE).revision) == 12


def test_the_fingerprint_follows_the_file_and_the_secrets_it_names(tmp_path: Path) -> None:
    path, secret = tmp_path / "routes.yaml", tmp_path / "who"
    seen = [fingerprint(path)]
    for file, content in ((path, 'a: "${file:who}"'), (secret, "me"), (secret, "you"), (path, "a: b")):
        file.write_text(content)
        seen.append(fingerprint(path))
    path.unlink()
    assert len(set(seen)) == 5
    assert fingerprint(path) == seen[0]
    assert fingerprint(tmp_path) not in seen
