"""Command line: `run` (the default), `report` on it, `stream` for memory, `events` for the buses, `comparing`."""

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import stream as memory
from benchmarks.machine import this_machine
from benchmarks.peer import find
from benchmarks.peers import DIRECT, PEERS
from benchmarks.processes import BenchmarkError, choose_cores
from benchmarks.report import Record, markdown, sample_line, write_block
from benchmarks.rounds import Ground, Plan, play
from benchmarks.scenarios import QUICK, SCENARIOS
from benchmarks.summary import Sample
from benchmarks.upstream import running_upstream

RESULTS = Path("build/bench")
DOCUMENT = Path("docs/benchmarks.md")
BUSY_LOAD = 0.3  # of the cores; what an idle machine's housekeeping stays well below
NEEDED = {"nginx": "nginx", "wrk": "wrk", "taskset": "util-linux"}


def parser() -> argparse.ArgumentParser:
    """The options of all commands."""
    top = argparse.ArgumentParser(prog="python -m benchmarks", description="Benchmark reverse proxies side by side.")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    run = commands.add_parser("run", help="measure every peer that is installed (the default)")
    run.add_argument("--rounds", type=int, default=5, metavar="N")
    run.add_argument("--seconds", type=float, default=5.0, metavar="S", help="length of one run (default 5)")
    run.add_argument("--only", metavar="PEERS", help=f"some of {', '.join([DIRECT, *PEERS])}, by commas")
    run.add_argument("--scenario", metavar="NAMES", help=f"some of {', '.join(SCENARIOS)}, by commas")
    run.add_argument("--quick", action="store_true", help=f"one round of 2 s of {' and '.join(QUICK)}")
    run.add_argument("--seed", type=int, default=20260101, metavar="N", help="of the shuffled order")
    run.add_argument("--write-docs", action="store_true", help=f"put the tables into {DOCUMENT}")
    report = commands.add_parser("report", help="print the tables of an earlier run again")
    report.add_argument("file", nargs="?", type=Path, default=RESULTS / "latest.json")
    report.add_argument("--write-docs", action="store_true", help=f"put the tables into {DOCUMENT}")
    stream = commands.add_parser("stream", help="memory under 1 GiB bodies, idle connections and slow readers")
    stream.add_argument("--only", metavar="PEERS", help=f"by commas (default {','.join(memory.DEFAULT_PEERS)})")
    stream.add_argument("--mib", type=int, default=1024, metavar="N", help="size of the bodies (default 1024)")
    stream.add_argument("--seconds", type=float, default=5.0, metavar="S", help="of each latency measurement")
    stream.add_argument("--write-docs", action="store_true", help=f"put the table into {DOCUMENT}")
    events = commands.add_parser("events", help="events a second through the buses of the services")
    events.add_argument("--only", metavar="BUSES", help="some of embedded, noida-db, tansu, by commas")
    events.add_argument("--events", type=int, default=10_000, metavar="N", help="of a round (default 10000)")
    events.add_argument("--rounds", type=int, default=3, metavar="N")
    events.add_argument("--write-docs", action="store_true", help=f"put the table into {DOCUMENT}")
    commands.add_parser("comparing", help="what comparing two answers costs")
    return top


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 measured, 1 some runs failed, 2 it could not be measured at all."""
    options = parser().parse_args(arguments if arguments and not arguments[0].startswith("--") else ["run", *arguments])
    raise_open_files_limit()
    try:
        return {"run": run, "report": report, "stream": stream, "events": events, "comparing": comparing}[
            options.command
        ](options)
    except (BenchmarkError, OSError, ValueError) as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def run(options: argparse.Namespace) -> int:
    """Measure, print each run and then the tables, keep everything as JSON."""
    peers, skipped = present(names(options.only, [DIRECT, *PEERS], "peer"))
    plan = make_plan(options, peers)
    check_needed()
    announce(skipped)
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory(prefix="strangler-bench-") as folder:
        cores = choose_cores(sorted(os.sched_getaffinity(0)))
        with running_upstream(Path(folder) / "upstream", cores.load) as port:
            for sample in play(plan, Ground(cores, port, Path(folder))):
                samples.append(sample)
                print(sample_line(sample, plan.rounds), file=sys.stderr, flush=True)
    versions = {name: PEERS[name].version() for name in peers if name != DIRECT}
    record = Record(this_machine(), versions, skipped, plan.seconds, plan.seed, samples)
    print(f"kept: {keep(record)}", file=sys.stderr)
    publish(record, write_docs=options.write_docs)
    return 1 if any(sample.failure for sample in samples) else 0


def report(options: argparse.Namespace) -> int:
    """Print the tables of a kept record."""
    publish(Record.load(options.file.read_text()), write_docs=options.write_docs)
    return 0


def stream(options: argparse.Namespace) -> int:
    """Measure memory and disturbance, one peer after the other."""
    peers, skipped = present(names(options.only or ",".join(memory.DEFAULT_PEERS), list(PEERS), "peer"))
    check_needed()
    announce(skipped)
    body_bytes = options.mib * 2**20
    findings: list[memory.Findings] = []
    for peer in peers:
        print(f"{peer} …", file=sys.stderr, flush=True)
        findings.append(memory.measure(peer, body_bytes=body_bytes, seconds=options.seconds))
    machine = this_machine()
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "stream.json").write_text(memory.dump(findings, machine, body_bytes))
    text = memory.markdown(findings, machine, body_bytes)
    print(text)
    if options.write_docs:
        write_block(DOCUMENT, "stream", text)
    return 1 if any(found.failure for found in findings) else 0


def events(options: argparse.Namespace) -> int:
    """Measure the buses, one after the other, round by round."""
    from benchmarks import events as bus  # only now: proxies are measured without the shop's dependencies

    chosen = names(options.only, list(bus.BUSES), "bus")
    if options.rounds < 1 or options.events < 100:
        raise BenchmarkError("--rounds is at least 1, --events at least 100")
    announce([])
    flows: list[bus.Flow] = []
    with tempfile.TemporaryDirectory(prefix="strangler-bench-") as folder:
        for turn in range(1, options.rounds + 1):
            for name in chosen:
                print(f"{turn}/{options.rounds} {name} …", file=sys.stderr, flush=True)
                flows.append(bus.measure(name, options.events, turn, Path(folder) / f"{name}-{turn}"))
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "events.json").write_text(bus.dump(flows, options.events))
    text = bus.markdown(flows, options.events)
    print(text)
    if options.write_docs:
        write_block(DOCUMENT, "events", text)
    return 0


def comparing(_options: argparse.Namespace) -> int:
    """Measure comparisons, in this process."""
    from benchmarks.comparing import markdown as table  # only now: proxies are measured without the engine's libraries

    announce([])
    print(table())
    return 0


def check_needed() -> None:
    """Everything without which nothing can be measured, in one message."""
    if sys.platform != "linux":
        raise BenchmarkError("this benchmark reads /proc and pins processes to cores: it needs Linux")
    absent = {program: package for program, package in NEEDED.items() if find(program) is None}
    if absent:
        packages = " ".join(absent.values())
        raise BenchmarkError(
            f"{', '.join(absent)} not found: apt install {packages} (nginx is the upstream of every peer)"
        )


def announce(skipped: Sequence[str]) -> None:
    """Who will be missing, and whether something else is running: figures taken beside other work are worth little."""
    for reason in skipped:
        print(f"skipped: {reason}", file=sys.stderr)
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    if load > BUSY_LOAD * cores:
        print(f"warning: load average {load:.1f} on {cores} cores: something else is running here", file=sys.stderr)


def names(chosen: str | None, known: Sequence[str], kind: str) -> list[str]:
    """Those of a comma-separated list, all when it is not given; BenchmarkError for one that nobody knows."""
    wanted = [name.strip() for name in chosen.split(",")] if chosen else list(known)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise BenchmarkError(f"unknown {kind} {', '.join(unknown)}: known are {', '.join(known)}")
    return wanted


def present(wanted: Sequence[str]) -> tuple[list[str], list[str]]:
    """Of the wanted peers those that can run here, and for each other one why not."""
    reasons = {name: PEERS[name].missing() if name in PEERS else None for name in wanted}
    return [name for name, reason in reasons.items() if reason is None], [r for r in reasons.values() if r is not None]


def make_plan(options: argparse.Namespace, peers: Sequence[str]) -> Plan:
    """`--quick` sets what was not asked for otherwise."""
    if options.rounds < 1 or options.seconds < 1:
        raise BenchmarkError("--rounds and --seconds are at least 1")
    wanted = names(options.scenario or (",".join(QUICK) if options.quick else None), list(SCENARIOS), "scenario")
    return Plan(
        rounds=1 if options.quick else options.rounds,
        seconds=2.0 if options.quick else options.seconds,
        warm_up_seconds=1.0,
        scenarios=[SCENARIOS[name] for name in wanted],
        peers=peers,
        seed=options.seed,
    )


def keep(record: Record) -> Path:
    """Write the record under its time, and as the latest."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / time.strftime("%Y%m%d-%H%M%S.json", time.gmtime())
    path.write_text(record.dump())
    shutil.copyfile(path, RESULTS / "latest.json")
    return path


def publish(record: Record, *, write_docs: bool) -> None:
    """Tables to standard output, and into the documentation when asked."""
    print(markdown(record))
    if write_docs:
        write_block(DOCUMENT, "bench", markdown(record))


def raise_open_files_limit() -> None:
    """As far as allowed: the proxies inherit it, and a thousand clients cost two thousand descriptors."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
