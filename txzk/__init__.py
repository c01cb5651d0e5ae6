"""txzk: Apache ZooKeeper in Python on Twisted.

The public names are those of txzk.client.api and txzk.client.recipes, which are imported when one is first used, so that the server does without.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from txzk.client.api import *  # noqa: F403  # what __getattr__ finds
    from txzk.client.recipes import *  # noqa: F403


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        from txzk.client import api, recipes

        for module in (api, recipes):
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module 'txzk' has no attribute {name!r}")


def __dir__() -> list[str]:
    from txzk.client import api, recipes

    return ["__version__", *api.__all__, *recipes.__all__]
