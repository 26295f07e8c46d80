"""What the benchmarks share: interleaved timings, costs of a child process, slopes, tables.

A benchmark makes rows and ends with :func:`finish`::

    arguments = parser(__doc__).parse_args()
    pair = compare(ours, peer, rounds=arguments.rounds)
    finish("step", [row("step, micro", pair, unit="s", peer_name="nequip, eager")], arguments)

``ratio`` is peer over ours, so more than 1 means ours is better. Ours and peer take turns, so that
a busy machine slows both; each round has its own ratio, and the table gives their median, lowest
and highest. Times and memory are medians over rounds.
"""

import argparse
import logging
import math
import multiprocessing
import platform
import re
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import linregress

from e3d import provenance, tables
from e3d.statistics import Estimate, t_quantile
from study.costs import machine
from study.readme import fill_blocks

log = logging.getLogger("benchmarks")

COLUMNS = ("case", "ours", "peer", "ratio", "ratio_lo", "ratio_hi", "unit", "peer_name")
LINEAR = "linear"
"""Peer of a growth row: ours is the log-log slope, 1 means linear."""
SHORTER = {"training step": "step", "peak memory": "memory", "dry run of": "planning"}
"""How documents, whose lines are short, write cases."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """A quantity of ours and of the peer, median over rounds, and the ratio peer/ours."""

    ours: float
    peer: float
    ratio: float
    ratio_lo: float
    ratio_hi: float


@dataclass(frozen=True)
class Cost:
    """What a call cost in a process of its own, seconds and peak memory, and what it returned."""

    seconds: float
    peak_mb: float
    result: Any = None


def pair_of(ours: Sequence[float], peer: Sequence[float]) -> Pair:
    """Return the medians of the rounds, and median, lowest and highest of their ratios."""
    ratios = [theirs / mine for mine, theirs in zip(ours, peer, strict=True)]
    return Pair(
        statistics.median(ours),
        statistics.median(peer),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
    )


def seconds(call: Callable[[], object], number: int = 1) -> float:
    """Return the wall time of one call, averaged over ``number`` in a row."""
    start = time.perf_counter()
    for _ in range(number):
        call()
    return (time.perf_counter() - start) / number


def compare(
    ours: Callable[[], object],
    peer: Callable[[], object],
    *,
    rounds: int = 5,
    warmup: int = 1,
    number: int = 1,
) -> Pair:
    """Time two calls in turn: first ``warmup`` times each untimed, then ours, peer, ours, peer, ...

    ``number`` calls in a row make one timing, for calls too short for the clock.
    """
    for _ in range(warmup):
        ours()
        peer()
    times = [(seconds(ours, number), seconds(peer, number)) for _ in range(rounds)]
    return pair_of(*zip(*times, strict=True))


def in_child(call: Callable[[], object]) -> Cost:
    """Run ``call`` in a new process, whose start is not in the time, but in the memory.

    The process is spawned, so ``call`` is a function of a module, or a ``functools.partial`` of
    one, and a script guards its ``main()`` by ``if __name__ == "__main__"``.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as executor:
        return executor.submit(in_process, call).result()


def compare_children(
    ours: Callable[[], object], peer: Callable[[], object], *, rounds: int = 3
) -> tuple[Pair, Pair]:
    """Run two calls in turn, each in a new process; return the pairs of seconds and of peak MB."""
    costs = [(in_child(ours), in_child(peer)) for _ in range(rounds)]
    mine, theirs = zip(*costs, strict=True)
    return (
        pair_of([cost.seconds for cost in mine], [cost.seconds for cost in theirs]),
        pair_of([cost.peak_mb for cost in mine], [cost.peak_mb for cost in theirs]),
    )


def in_process(call: Callable[[], object]) -> Cost:
    """Run ``call`` here and now; the memory is the most this process has held so far."""
    start = time.perf_counter()
    result = call()
    return Cost(time.perf_counter() - start, peak_mb(), result)


def peak_mb() -> float:
    """Return the most memory this process has held, in MB.

    Linux's VmHWM where there is one: ru_maxrss of a child begins at what its parent held.
    """
    status = Path("/proc/self/status")
    found = (
        re.search(r"^VmHWM:\s*(\d+) kB", status.read_text(), flags=re.MULTILINE)
        if status.is_file()
        else None
    )
    if found:
        return int(found[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if platform.system() == "Darwin" else peak * 1024 / 1e6


def slope(sizes: Sequence[float], costs: Sequence[float]) -> Estimate:
    """Return the least-squares slope of log cost against log size, with its 95 % interval.

    With two sizes there is no interval: its ends are nan.
    """
    fit = linregress(np.log(sizes), np.log(costs))
    half = t_quantile(len(sizes) - 2) * float(fit.stderr) if len(sizes) > 2 else math.nan
    return Estimate.symmetric(float(fit.slope), half)


def row(case: str, pair: Pair, *, unit: str, peer_name: str, **facts: object) -> Row:
    """Return a row of the table; ``facts`` become columns of their own."""
    return {"case": case, **vars(pair), "unit": unit, "peer_name": peer_name, **facts}


def growth_row(
    case: str, sizes: Sequence[float], costs: Sequence[float], *, of: str, against: str
) -> Row:
    """Return the row of a log-log slope: ours is the slope, the peer linear growth.

    ``of`` is what grows (time, peak memory), ``against`` what it grows with (frames). What a call
    costs whatever the size flattens the slope, so ``ours_last`` is the slope between the two
    largest sizes alone. The ratio is one over the slope.
    """
    found = slope(sizes, costs)
    positive = found.value > 0  # a cost that does not grow has no ratio to linear growth
    return {
        "case": case,
        "ours": found.value,
        "peer": 1.0,
        "ratio": 1 / found.value if positive else math.nan,
        "ratio_lo": 1 / found.hi if positive else math.nan,
        "ratio_hi": 1 / found.lo if found.lo > 0 else math.nan,
        "unit": f"log-log slope of {of} against {against}",
        "peer_name": LINEAR,
        "ours_lo": found.lo,
        "ours_hi": found.hi,
        "ours_last": slope(sizes[-2:], costs[-2:]).value,
        "size_lo": sizes[0],
        "size_hi": sizes[-1],
    }


def point(case: str, series: str, size: float, value: float, *, unit: str, **facts: object) -> Row:
    """Return the row of one size of a ``series`` whose growth is measured; it has no peer."""
    nothing = dict.fromkeys(("peer", "ratio", "ratio_lo", "ratio_hi"), math.nan)
    return {
        "case": case,
        "ours": value,
        **nothing,
        "unit": unit,
        "peer_name": "",
        "series": series,
        "size": size,
        **facts,
    }


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser of the options every benchmark has, and let ``log`` write to the terminal."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    made = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    made.add_argument("-o", "--output", type=Path, required=True, help="table to write (.csv)")
    made.add_argument(
        "--rounds", type=int, default=5, help="rounds of ours, peer (default: %(default)s)"
    )
    made.add_argument(
        "--quick", action="store_true", help="small sizes: does it run, not how fast is it"
    )
    made.add_argument(
        "--docs", type=Path, help="also write the table into its marked block of this file"
    )
    return made


def finish(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    arguments: argparse.Namespace,
    markdown: Callable[[pd.DataFrame], str] | None = None,
) -> None:
    """Write the table with its provenance and, if asked, the block ``name`` of a document."""
    table = pd.DataFrame(
        list(rows), columns=list(dict.fromkeys([*COLUMNS, *(key for row in rows for key in row)]))
    )
    on = machine(arguments.output)
    settings = {
        key: str(value) if isinstance(value, Path) else value
        for key, value in vars(arguments).items()
    }
    hidden = {"output", "docs"}  # where it was written changes no number
    settings = {key: value for key, value in settings.items() if key not in hidden}
    tables.write(
        table,
        arguments.output,
        settings=settings | {key: on[key] for key in ("processor", "cores")},
    )
    if arguments.docs is not None:
        fill(arguments.docs, name, arguments.output, markdown or as_markdown)


def fill(document: Path, name: str, table: Path, markdown: Callable[[pd.DataFrame], str]) -> None:
    """Write the block ``name`` of a document from a table."""
    text = document.read_text(encoding="utf-8")
    block = {name: markdown(tables.read(table))}
    provenance.write_text(document, fill_blocks(text, block, str(document)))


def as_markdown(table: pd.DataFrame) -> str:
    """Return comparisons as documents show them, then growth; single sizes stay in the file.

    Where every peer has several rows, each has a table of its own, which names it once.
    """
    compared = table[table["ratio"].notna() & (table["peer_name"] != LINEAR)]
    growth = table[table["peer_name"] == LINEAR]
    head = ("case", "ours", "peer", "peer / ours")
    parts = []
    if len(compared) and compared["peer_name"].value_counts().min() > 1:
        for peer, part in compared.groupby("peer_name", sort=False):
            rows = [_compared(line) for _, line in part.iterrows()]
            parts += [f"Peer: {peer}.", markdown_table(head, rows)]
    elif len(compared):
        rows = [(*_compared(line), line["peer_name"]) for _, line in compared.iterrows()]
        parts.append(markdown_table((*head, "peer is"), rows))
    if len(growth):
        head = ("growth of", "from, to", "slope", "95 % interval", "at the end")
        parts.append(markdown_table(head, [_grown(line) for _, line in growth.iterrows()]))
    return "\n\n".join(parts)


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = (f"| {' | '.join(cells)} |" for cells in (head, *rows))
    first, *others = lines
    return "\n".join([first, "|" + "---|" * len(head), *others])


def _compared(line: "pd.Series[Any]") -> tuple[str, ...]:
    unit = line["unit"]
    return _case(line), _number(line["ours"], unit), _number(line["peer"], unit), spread(line)


def _case(line: "pd.Series[Any]") -> str:
    """Return the name of a row in fewer letters."""
    case: str = line["case"]
    for long, short in SHORTER.items():
        case = case.replace(long, short)
    return case


def spread(line: Any) -> str:
    """Write a ratio with its lowest and highest round."""
    return f"{line['ratio']:.2f} ({line['ratio_lo']:.2f}–{line['ratio_hi']:.2f})"


def _grown(line: "pd.Series[Any]") -> tuple[str, ...]:
    interval = (
        "" if math.isnan(line["ours_lo"]) else f"{line['ours_lo']:.2f} to {line['ours_hi']:.2f}"
    )
    ends = f"{line['size_lo']:,.0f}, {line['size_hi']:,.0f}"
    return _case(line), ends, f"{line['ours']:.2f}", interval, f"{line['ours_last']:.2f}"


def _number(value: float, unit: str) -> str:
    """Write a number with three significant digits, never as a power of ten; NaN as nothing."""
    if math.isnan(value):
        return ""
    if unit.split("/")[0] == "s" and abs(value) < 1:
        value, unit = value * 1e3, f"m{unit}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{decimals}f} {unit}".strip()
