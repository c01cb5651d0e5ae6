"""What a type checker says of programs that use txzk."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = '''
from twisted.internet import reactor
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock

import txzk


async def program(zk: txzk.View) -> bytes:
    node, watch = await zk.get_and_watch("/a")
    reveal_type((await watch.fired).path)
    async with zk.transaction() as t:
        made = t.create("/x")
    reveal_type(made.result)
    async for event in zk.watch("/b", recursive=True):
        reveal_type(event.zxid)
    reveal_type(await zk.create("/a", ephemeral=True))
    lock: txzk.Lock = txzk.Lock(zk, 5)
    return node.data


def make(time: IReactorTime) -> None:
    txzk.Client(reactor, "h:1")
    txzk.connect(time, "h:1", timeout=3)
    txzk.connect(Clock(), "h:1", timeot=3)
'''


def test_names_have_their_types(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--no-incremental", "--strict", "--config-file=", "--follow-imports=silent", "--no-error-summary", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = [line.split(": ", 1)[1] for line in done.stdout.splitlines()]
    assert [line for line in said if line.startswith("note: Revealed")] == [f'note: Revealed type is "{name}"' for name in ("str", "str", "int", "str")]
    assert [re.sub(";.*", "", line) for line in said if line.startswith("error")] == [
        'error: Argument 2 to "Lock" has incompatible type "int"', 'error: Unexpected keyword argument "timeot" for "connect"',
    ]
