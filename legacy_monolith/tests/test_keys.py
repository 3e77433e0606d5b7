import threading

from legacy_monolith.config.keys import read_or_make


def test_a_secret_is_made_once_and_only_its_owner_may_read_it(tmp_path):
    file = tmp_path / "new" / "key"
    assert read_or_make(file, lambda: b"first") == b"first"
    assert read_or_make(file, lambda: b"second") == b"first"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_two_that_start_together_end_up_with_the_same_secret(tmp_path):
    both_are_making = threading.Barrier(2)
    secrets = []

    def start(mine: bytes) -> None:
        def make() -> bytes:
            both_are_making.wait(60)
            return mine

        secrets.append(read_or_make(tmp_path / "key", make))

    threads = [threading.Thread(target=start, args=[mine]) for mine in (b"one", b"two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(secrets)) == 1
