"""`strangler demo`: the bundled shop behind the proxy. It must leave nothing running, however it ends."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

import click

from proxy.demo.errors import CannotStart, PartFailed, StepFailed
from proxy.demo.foundation import Choice, read_choice
from proxy.demo.place import Place, choose_ports, kept_folder, passing_folder
from proxy.demo.system import check_installed

FAILED, CANNOT_START = 1, 2


@click.command("demo", short_help="Run the bundled shop behind the proxy, and watch a route move.")
@click.option(
    "--once", is_flag=True, help="A scripted tour on free ports: reads and writes move to services, and back."
)
@click.option("--port", type=click.IntRange(1, 65535), help="Where users connect.  [default: 8080, or a free one]")
def command(once: bool, port: int | None) -> None:
    """Start a Django monolith with sample data, its three services and the proxy, send some traffic, and tell
    whenever a route moves or fails. Everything lives in ./var/demo; Ctrl-C ends it all.

    With DEMO_BROKER=kafka and DEMO_DB=postgres in the environment: on a Kafka-compatible broker and a PostgreSQL, which
    are started too.

    With --once: a tour that checks what it shows, in a temporary folder. Exit 1 when a step does not hold, or a
    process ends by itself; 2 when it cannot be started.
    """
    try:
        with _ended_by_signals():
            check_installed()
            choice = read_choice(os.environ)
            ports = choose_ports(port, documented=not once)
            with passing_folder() if once else kept_folder() as folder:
                _run(Place(folder, ports), choice, once=once)
    except CannotStart as problem:
        _fail(str(problem), CANNOT_START)
    except PartFailed as problem:
        click.echo(f"\n{problem.log}", err=True)
        _fail(f"{problem}; above are the last lines of its log", FAILED)
    except StepFailed as problem:
        click.echo("\n".join(("", *getattr(problem, "__notes__", ()))), err=True)
        _fail(f"not as claimed: {problem}", FAILED)
    except KeyboardInterrupt:
        if once:
            _fail("interrupted; everything was ended", 130)
        click.echo("\nEverything was ended.")


def _run(place: Place, choice: Choice, *, once: bool) -> None:
    from proxy.demo.tour import give_tour  # only one of them is needed
    from proxy.demo.watch import play

    give_tour(place, choice) if once else play(place, choice)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end it as Ctrl-C does, so that the processes are ended in every case. nohup's word stands."""

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    heard = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is not signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _fail(message: str, code: int) -> None:
    click.echo(f"strangler demo: {message}", err=True)
    sys.exit(code)
