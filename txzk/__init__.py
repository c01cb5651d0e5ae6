"""txzk: Apache ZooKeeper in Python on Twisted.

The public names are those of txzk.client.api, which is imported when one is first used, so that the server does without.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from txzk.client.api import *  # noqa: F403  # what __getattr__ finds


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        from txzk.client import api

        if name in api.__all__:
            return getattr(api, name)
    raise AttributeError(f"module 'txzk' has no attribute {name!r}")


def __dir__() -> list[str]:
    from txzk.client import api

    return ["__version__", *api.__all__]
