"""When a process that ended by itself is started again."""

from proxy.control.backoff import Backoff


def delays(*lived: float) -> list[float]:
    backoff, found = Backoff(), []
    for seconds in lived:
        delay, backoff = backoff.after(seconds)
        found.append(delay)
    return found


def test_the_delay_doubles_up_to_ten_seconds() -> None:
    assert delays(*[0.0] * 9) == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


def test_a_process_that_lived_for_a_minute_is_trusted_anew() -> None:
    assert delays(0, 0, 0, 60, 0) == [0.1, 0.2, 0.4, 0.1, 0.2]
