"""Every Curator recipe that a standalone server can carry, against txzk: the program of tests/peers/curator, which says OK for each.

The same program passes against Java ZooKeeper 3.9.5.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.system.conftest import Factory
from tests.system.servers import java_lib
from tests.system.suites import PEERS, run

_COMPILE_SECONDS = 120
_RUN_SECONDS = 600
# Short sessions are asked for, and containers and TTL nodes are waited for.
CONFIG = {"tickTime": 500}
PROPERTIES = {"zookeeper.extendedTypesEnabled": "true", "znode.container.checkIntervalMs": 200}


def compiled(folder: Path) -> str:
    """The class path with the compiled program."""
    classes = folder / "classes"
    classes.mkdir()
    sources = [str(path) for path in sorted((PEERS / "curator").glob("*.java"))]
    complaints = run(["javac", "-nowarn", "-d", str(classes), "-cp", f"{java_lib()}/*", *sources], folder, {}, _COMPILE_SECONDS)
    assert (classes / "Recipes.class").exists(), complaints
    return f"{classes}:{java_lib()}/*"


def test_recipes(txzk: Factory, tmp_path: Path) -> None:
    class_path = compiled(tmp_path)
    server = txzk(CONFIG, PROPERTIES)
    wanted = set(re.findall(r'Recipes\.add\("(\w+)"', "".join(path.read_text() for path in (PEERS / "curator").glob("*.java"))))
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"
    output = run(["java", "-Xmx256m", quiet, "-cp", class_path, "Recipes", str(server.port)], tmp_path, {}, _RUN_SECONDS)
    assert set(re.findall(r"^OK (\w+)", output, re.MULTILINE)) == wanted, f"{output}\n{server.output()[-5000:]}"
