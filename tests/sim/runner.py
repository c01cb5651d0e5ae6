"""The command line of the simulator: `tools/sim --help`. Covered by tests/sim/test_runner.py.

One seed is one history. A failure is a seed and a commit: the same seed gives the same history for as long as the code is the same.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context
from typing import Any

from tests.sim import mutants
from tests.sim.swarm import draw
from tests.sim.world import Report, World

_CHUNK = 8


def run_seed(seed: int, servers: int | None = None, trace: Any = None) -> Report:
    """Lives through the history of a seed.

    :param servers: how many vote; drawn from the seed where it is not given.
    :param trace: hears of everything that happens.
    """
    swarm = draw(seed, servers)
    # A history is too short for its garbage to be worth a search.
    gc.disable()
    try:
        return World(swarm, trace=trace).run()
    finally:
        gc.enable()


def kill(issue: str, most: int, servers: int | None, processes: int) -> Report | None:
    """Plants a known bug; gives the first history in which a checker sees it, None where it survives.

    :param most: how many seeds are tried, with so many `servers`.
    """
    with mutants.planted(issue):
        # The processes begin here, so that they have the bug too.
        for report in run_seeds(range(most), servers, processes):
            if report.violations:
                return report
    return None


def _kill_all(issues: list[str], most: int, servers: int | None, processes: int) -> int:
    survived = 0
    for issue in issues or list(mutants.MUTANTS):
        report = kill(issue, most, servers, processes)
        what = ((mutants.MUTANTS | mutants.FOUND)[issue].__doc__ or "").strip()
        name = f"ZOOKEEPER-{issue}" if issue in mutants.MUTANTS else issue
        if report is None:
            survived += 1
            print(f"{name} has SURVIVED {most} seeds: {what}", flush=True)
        else:
            print(f"{name} was killed by seed {report.seed}: {what}\n    {report.violations[0].strip().splitlines()[-1][:200]}", flush=True)
    return 1 if survived else 0


def _run(job: tuple[int, int | None]) -> Report:
    return run_seed(*job)


def run_seeds(seeds: range, servers: int | None, processes: int) -> Iterator[Report]:
    """The histories of many seeds, in their order."""
    jobs = [(seed, servers) for seed in seeds]
    if processes == 1:
        yield from map(_run, jobs)
        return
    with get_context("fork").Pool(processes) as pool:
        yield from pool.imap(_run, jobs, _CHUNK)


class Summary:
    """What many histories came to."""

    def __init__(self) -> None:
        self.histories = 0
        self.virtual_ms = 0
        self.events = 0
        self.faults: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.failed: list[Report] = []
        self._began = time.monotonic()

    def add(self, report: Report) -> None:
        """One more."""
        self.histories += 1
        self.virtual_ms += report.virtual_ms
        self.events += report.events
        self.faults.update(report.faults)
        self.counts.update(report.counts)
        if report.violations:
            self.failed.append(report)

    def __str__(self) -> str:
        seconds = time.monotonic() - self._began
        virtual = self.virtual_ms / 1000
        return "\n".join([
            f"{self.histories} histories, {virtual:.0f} s in them, took {seconds:.1f} s: {virtual / max(seconds, 0.001):.0f} times as fast; {self.events} events",
            f"faults: {_listed(self.faults)}",
            f"counts: {_listed(self.counts)}",
            f"violations in {len(self.failed)} histories" + (f": seeds {', '.join(str(report.seed) for report in self.failed)}" if self.failed else ""),
        ])


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/sim", description="Simulates whole ensembles, their clients, networks and disks, from seeds.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--seed", type=int, help="one history")
    what.add_argument("--seeds", help="a range of histories, A..B, both included")
    what.add_argument("--mutants", nargs="*", metavar="ID", help="plants known bugs, all or those named, and tells which seed kills each")
    parser.add_argument("--most", type=int, default=5000, help="seeds after which a planted bug has survived")
    parser.add_argument("--servers", type=int, choices=range(1, 8), help="how many servers vote; drawn from the seed by default")
    parser.add_argument("--trace", action="store_true", help="tells everything that happens in the one history")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many histories at a time")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """:returns: 1 where something was violated, or a planted bug has survived."""
    options = _arguments(arguments)
    if options.mutants is not None:
        return _kill_all(options.mutants, options.most, options.servers, options.processes)
    if options.seed is not None:
        report = run_seed(options.seed, options.servers, print if options.trace else None)
        summary = Summary()
        summary.add(report)
        print(f"seed {options.seed}: {draw(options.seed, options.servers)}")
        _tell(report)
        print(summary)
        print(f"digest {report.digest:08x}")
        return 1 if report.violations else 0
    first, _, last = options.seeds.partition("..")
    summary = Summary()
    for report in run_seeds(range(int(first), int(last) + 1), options.servers, options.processes):
        summary.add(report)
        _tell(report)
        if summary.histories % 1000 == 0:
            print(summary, flush=True)
    print(summary)
    return 1 if summary.failed else 0


def _tell(report: Report) -> None:
    for violation in report.violations:
        print(f"seed {report.seed} {violation}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
