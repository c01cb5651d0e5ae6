"""kazoo's own test suite against txzk, one server and ensembles of three, with a stand-in for `java` first on PATH.

tests/peers/kazoo_java_3_9_5.txt says what passes against one Java ZooKeeper, and what against three only; to make it anew, run this file as a
program with the real java on PATH (see `main`). Some of kazoo's tests give a connection five seconds or race their own threads; a test that fails is run once
more alone before it counts, as was done for that list.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.system.servers import peer
from tests.system.suites import PEERS, expectations, ports_in_a_row, run_pytest, tail

_EXPECTED = expectations(PEERS / "kazoo_java_3_9_5.txt")
# The words of what is wanted, by the number of servers.
_WANTED = {1: ("pass",), 3: ("pass", "ensemble")}
_MODULES = sorted({name.split("::")[0] for name, word in _EXPECTED.items() if word in _WANTED[3]})
_AT_A_TIME = 2
_MODULE_SECONDS = 600
_ALONE_SECONDS = 180
# They run the tests of client and lock once more with other threads in the client; to the server it is the same.
_LEFT_OUT = {"test_eventlet_handler", "test_gevent_handler"}
# So far apart are the first ports of two servers, of which each has so many.
_PORT_STEP, _PORTS = 10, 5

Results = dict[str, str]


def environment(path: str, size: int) -> dict[str, str]:
    """What kazoo's harness wants to know; `path` is searched for java.

    :param size: of the ensemble.
    """
    return {
        "PATH": path,
        "CI": "true",
        "ZOOKEEPER_VERSION": "3.9.5",
        "ZOOKEEPER_CLASSPATH": os.environ.get("TXZK_JAVA_LIB", "none") + "/*",
        "ZOOKEEPER_CLUSTER_SIZE": str(size),
        "ZOOKEEPER_PORT_OFFSET": str(ports_in_a_row(_PORT_STEP * (size - 1) + _PORTS)),
    }


def wanted(module: str, size: int, expected: Mapping[str, str]) -> list[str]:
    """The tests of a module that pass at a size."""
    return [name for name, word in expected.items() if word in _WANTED[size] and name.split("::")[0] == module]


def run_module(python: str, module: str, size: int, folder: Path, path: str, expected: Mapping[str, str]) -> tuple[Results, str]:
    """Runs a module of the suite without what `expected` lists and is not wanted, then again alone what did not pass."""
    left_out = sorted({name for name in expected if name.split("::")[0] == module} - set(wanted(module, size, expected)))
    options = [f"--rootdir={_site_packages(python)}"]
    for name in left_out:
        options.append(f"--deselect=kazoo/tests/{name.replace('::', '.py::', 1)}")
    results, output = run_pytest(python, [f"kazoo.tests.{module}"], folder, environment(path, size), _MODULE_SECONDS, options)
    for name in [name for name, outcome in results.items() if outcome == "fail"]:
        again, text = run_pytest(python, [f"kazoo.tests.{name}"], folder / "again", environment(path, size), _ALONE_SECONDS)
        results[name] = again.get(name, "fail")
        output += text
    return results, output


def _site_packages(python: str) -> Path:
    return next(Path(python).parents[1].glob("lib/python*/site-packages"))


@pytest.fixture(scope="module", params=list(_WANTED))
def size(request: pytest.FixtureRequest) -> int:
    """How many servers there are."""
    return int(request.param)


@pytest.fixture(scope="module")
def runs(size: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[tuple[Results, str]]]]:
    """All modules of the suite, begun in the order of the tests here."""
    python = peer("TXZK_KAZOO_PYTHON", "the python of an environment with kazoo")
    path = f"{PEERS / 'bin'}{os.pathsep}{os.environ['PATH']}"
    os.environ.setdefault("TXZK_TWISTD", str(Path(sys.executable).with_name("twistd")))
    folder = tmp_path_factory.mktemp("kazoo")
    pool = ThreadPoolExecutor(_AT_A_TIME)
    yield {module: pool.submit(run_module, python, module, size, folder / module, path, _EXPECTED) for module in _MODULES}
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("module", _MODULES)
def test_module(module: str, size: int, runs: dict[str, Future[tuple[Results, str]]]) -> None:
    results, output = runs[module].result()
    not_passed = {name: results.get(name, "not run") for name in wanted(module, size, _EXPECTED) if results.get(name) != "pass"}
    assert not not_passed, f"{not_passed}\n{tail(output, 400)}"


def main(python: str, size: int, modules: Sequence[str]) -> None:
    """Prints outcome and name of every test of the suite, or of some modules, against the `java` of PATH."""
    modules = modules or sorted({path.stem for path in (_site_packages(python) / "kazoo" / "tests").glob("test_*.py")} - _LEFT_OUT)
    with tempfile.TemporaryDirectory() as folder:
        for module in modules:
            results, _ = run_module(python, module, size, Path(folder) / module, os.environ["PATH"], {})
            for name, outcome in results.items():
                sys.stdout.write(f"{outcome} {name}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
