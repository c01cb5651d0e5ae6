"""Installation. With TXZK_MYPYC=1 in the environment the pure rooms are compiled to C extensions; without it, or where mypyc or a compiler is
missing, everything is Python.
"""

import os
import re
import sys
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
PURE_ROOMS = ("auth", "cnxn", "database", "defs", "election", "peer", "persistence", "quorum", "request", "zab")
PURE_FILES = ("txzk/jute/strings.py", "txzk/jute/txns.py")

RUN_TIME = ["twisted>=23.8", "construct>=2.10.70", "zope.interface>=5", "javaproperties>=0.8", "cramjam>=2.7"]
TEST = [
    "coverage>=7", "hypothesis>=6", "kazoo==2.11.0", "mypy>=1.10", "pytest>=8", "pytest-cov>=5", "pytest-twisted>=1.14", "ruff>=0.6", "treq>=23",
]
MYPYC = ["mypy[mypyc]>=1.10"]


def extensions():
    """The modules to compile; none where that is not asked for or mypyc is missing. A compiler that fails costs the extensions only."""
    if os.environ.get("TXZK_MYPYC") != "1":
        return []
    try:
        from mypyc.build import mypycify
    except ImportError:
        sys.stderr.write("TXZK_MYPYC=1, but there is no mypyc: nothing is compiled\n")
        return []
    # What the build does not need is not there, so some remarks in the sources are without use for it.
    flags = ["--ignore-missing-imports", "--no-warn-unused-ignores", "--follow-imports=silent"]
    found = mypycify([*flags, *compiled_files()], opt_level="3", debug_level="0")
    for extension in found:
        extension.optional = True
    return found


def compiled_files():
    """The sources of the pure rooms, but for those that only hold a package together."""
    rooms = [
        str(path.relative_to(HERE))
        for room in PURE_ROOMS
        for path in sorted((HERE / "txzk" / room).glob("*.py"))
        if path.name not in ("__init__.py", "__main__.py")
    ]
    return [*rooms, *PURE_FILES]


setup(
    name="txzk",
    version=re.search(r'__version__ = "(.+)"', (HERE / "txzk/__init__.py").read_text()).group(1),
    description="Apache ZooKeeper in Python on Twisted",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=[*find_packages(include=["txzk", "txzk.*"]), "twisted.plugins"],
    package_data={"txzk": ["py.typed"], "txzk.jute": ["*.pyi"]},
    install_requires=RUN_TIME,
    extras_require={"test": TEST, "compiled": MYPYC},
    # pip builds apart from what is installed: what compiles must be asked for by name.
    setup_requires=MYPYC if os.environ.get("TXZK_MYPYC") == "1" else [],
    entry_points={
        "console_scripts": ["txzk-cleanup = txzk.cli.cleanup:main"],
        # Named as the module, so that `-p` of the same is no second plugin.
        "pytest11": ["txzk.testing.pytest_plugin = txzk.testing.pytest_plugin"],
    },
    ext_modules=extensions(),
    zip_safe=False,
)
