"""Installation. With TXZK_MYPYC=1 in the environment the pure rooms are compiled to C extensions; without it, nothing is compiled."""

import os
import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
PURE_ROOMS = ("auth", "cnxn", "database", "defs", "peer", "persistence", "request")
PURE_FILES = ("txzk/jute/strings.py", "txzk/jute/txns.py")

RUN_TIME = ["twisted>=23.8", "construct>=2.10.70", "zope.interface>=5", "javaproperties>=0.8", "cramjam>=2.7"]
TEST = [
    "coverage>=7", "hypothesis>=6", "mypy>=1.10", "pytest>=8", "pytest-cov>=5", "pytest-twisted>=1.14", "ruff>=0.6", "treq>=23",
]


def extensions():
    """The modules to compile."""
    if os.environ.get("TXZK_MYPYC") != "1":
        return []
    from mypyc.build import mypycify

    files = [
        str(path.relative_to(HERE))
        for room in PURE_ROOMS
        for path in sorted((HERE / "txzk" / room).glob("*.py"))
        if path.name != "__init__.py"
    ]
    return mypycify(["--ignore-missing-imports", *files, *PURE_FILES], opt_level="3", debug_level="0")


setup(
    name="txzk",
    version=re.search(r'__version__ = "(.+)"', (HERE / "txzk/__init__.py").read_text()).group(1),
    description="Apache ZooKeeper in Python on Twisted",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=[*find_packages(include=["txzk", "txzk.*"]), "twisted.plugins"],
    package_data={"txzk": ["py.typed"], "txzk.jute": ["*.pyi"]},
    install_requires=RUN_TIME,
    extras_require={"test": TEST, "compiled": ["mypy[mypyc]>=1.10"]},
    ext_modules=extensions(),
    zip_safe=False,
)
