"""What ensembles have been through in the tests of a run, as one table with a row a layout; pytest prints it at the end (conftest.py)."""

from __future__ import annotations

from collections import Counter

FIGURES: dict[str, Counter[str]] = {}
_KINDS = ("J", "T")
_WAYS = tuple(f"{leader} to {learner}" for leader in _KINDS for learner in _KINDS)
_MODES = ("DIFF", "TRUNC", "SNAP")
HEAD = (
    "layout", "killed l/f/o", "J for T", "T for J", "acknowledged", "lost", "other faults", "J leads", "T leads", *(way.replace(" to ", ">") for way in _WAYS),
)
TITLE = "ensembles of Java (J, observer j) and txzk (T, observer t); synchronizations by leader>learner as DIFF/TRUNC/SNAP"


def note(layout: str, figures: Counter[str]) -> None:
    """Adds what one ensemble has counted; see `Ensemble.figures`."""
    FIGURES.setdefault(layout, Counter()).update(figures)


def _cells(layout: str, figures: Counter[str]) -> list[str]:
    killed = "/".join(str(figures[f"{role} killed"]) for role in ("leader", "follower", "observer"))
    syncs = ["/".join(str(figures[f"{way} {mode}"]) for mode in _MODES) for way in _WAYS]
    names = ("T replaced by J", "J replaced by T", "writes acknowledged", "writes lost", "violations", "J leads", "T leads")
    return [layout, killed, *(str(figures[name]) for name in names), *syncs]


def lines(table: dict[str, Counter[str]]) -> list[str]:
    """The table: a head, a row a layout, and their sum."""
    rows = [list(HEAD), *(_cells(layout, table[layout]) for layout in sorted(table)), _cells("all", sum(table.values(), Counter()))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return [" ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
