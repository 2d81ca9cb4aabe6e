"""What was measured, as a section of ``docs/benchmarks.md``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ispmig_pipelines_tests.bench.beside import bar, parts
from ispmig_pipelines_tests.bench.beside.results import Measure, Results

BEGIN = (
    "<!-- beside: made by make bench from docs/benchmarks.json; what is written here is lost -->"
)
END = "<!-- beside: end -->"
PLOT = "images/benchmarks.png"
BUSY = 0.1
"""Share of the cores from which on the machine was not ours alone; the kernel has some of it."""

_WAYS = {
    parts.COPY: "`COPY … CSV`, text columns with a key",
    parts.MIGRATION: "**migration**",
    "dlt, Arrow": "dlt, Arrow tables",
    "pgloader": "pgloader",
    "DuckDB, postgres": "DuckDB's extension postgres",
    "dlt, rows": "dlt, rows",
    "pandas to_sql": "pandas `to_sql`",
}
_MORE = {
    parts.ROLLBACK: "rollback of the migration",
    parts.AGAIN: "the same file again, all unchanged",
    parts.CHANGED: "again, one row in ten changed",
    **{parts.of_format(kind): f"from {kind}" for kind in (*parts.FORMATS, "xlsx")},
    parts.AT_ONCE: "as many tenants at once",
    parts.IN_TURN: "the same, one after another",
    parts.SMALLEST: "the smallest, from the command to its end",
}


_HOW = """## Beside others

Every way loads the same file of customers into the same server, by turns, each in a new process,
and each round begins with another of them. What interprets nothing loads it into text columns with
a primary key; the migration maps, validates, quarantines, loads with all keys and audits. Rates are
by the median of the clock, without the loading of modules. Memory is what the kernel says that all
processes of a way had at most (VmHWM), without the server.
"""
_BUSY = """**Other work was going on meanwhile.** Seconds of the CPU and memory tell something;
rates and ratios of the clock tell little.
"""
_QUICK = """This is the quick run, of small files, in which the seconds that every run takes to
start weigh most.
"""
_ANEW = """`make bench` measures all of it anew and writes this section, its picture, and
`benchmarks.json` with every single run; `make bench-quick` shows the same of small files. pgloader
is measured where the program is installed; the others go into an environment of their own.
"""
NOT_YET = """## Beside others

Not measured yet on a machine that had nothing else to do: `make bench` measures, and writes this.
"""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown: the first column is text, the others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"{len(row)} cells in a table of {len(head)} columns")
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )


def _rate(measure: Measure) -> str:
    low, high = measure.spread
    if len(measure.trials) == 1:
        return f"{measure.rate:,.0f}"
    return f"{measure.rate:,.0f} ({low:,.0f} to {high:,.0f})"


def _cells(measure: Measure) -> list[str]:
    memory = f"{measure.peak_mb:,.0f} MB" if measure.peak_mb else ""
    numbers = (measure.median(), measure.median("ours"), measure.median("server"))
    return [_rate(measure), *(f"{number:,.1f}" for number in numbers), memory]


_NUMBERS = ("rows/s (slowest to fastest)", "seconds", "CPU, its own", "CPU, server", "most memory")


def ways(results: Results) -> str:
    """Ours and the others, from fast to slow."""
    copy = results.get(parts.COPY)
    found = [(name, m) for name in _WAYS if (m := results.get(name)) is not None]
    rows = [
        [
            _WAYS[name] + (f" ({measure.what})" if measure.what else ""),
            f"{measure.rows:,}",
            f"{len(measure.trials)}",
            f"{measure.rate / copy.rate:.2f}" if copy else "",
            *_cells(measure),
        ]
        for name, measure in sorted(found, key=lambda way: -way[1].rate)
    ]
    return table(("way", "rows", "times", "of `COPY`", *_NUMBERS), rows)


def more(results: Results) -> str:
    """What else was measured of ours."""
    found = [(text, m) for name, text in _MORE.items() if (m := results.get(name)) is not None]
    found += [(f"{m.rows:,} rows", m) for m in bar.sizes(results)]
    rows = [[text, f"{m.rows:,}", f"{len(m.trials)}", *_cells(m)] for text, m in found]
    return table(("migration", "rows", "times", *_NUMBERS), rows)


def held(results: Results) -> str:
    """The bar, and what came of it."""
    rows = [
        [
            demand.what,
            demand.demanded,
            demand.value or "not measured",
            "" if demand.met is None else ("yes" if demand.met else "**no**"),
        ]
        for demand in bar.demands(results)
    ]
    return table(("", "demanded", "measured", "met"), rows)


def _left_out(results: Results) -> Iterator[str]:
    for name, measure in results.measures.items():
        if measure.skipped:
            yield f"- {name}, {measure.rows:,} rows: {measure.skipped}"


def section(results: Results, *, plot: bool = True) -> str:
    """The section, with its heading and without its markers."""
    told = "; ".join(f"{name} {value}" for name, value in results.machine.items())
    lines = [_HOW, f"Measured on: {told}; other work took {results.others:.0%} of the cores.\n"]
    if results.others > BUSY:
        lines.append(_BUSY)
    if results.quick:
        lines.append(_QUICK)
    lines.append(ways(results))
    if plot:
        lines.append(f"![Rows a second of each way, and memory by size]({PLOT})\n")
    if left_out := list(_left_out(results)):
        lines.append("Left out:\n\n" + "\n".join(left_out) + "\n")
    lines.append("### The bar\n")
    lines.append(held(results))
    lines.append("### What else was measured\n")
    lines.append(more(results))
    lines.append(_ANEW)
    return "\n".join(lines)


def put(page: str, section: str) -> str:
    """A page with the section between its markers; the rest stays as it is.

    Raises:
        ValueError: the page has not each marker once, in order.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise ValueError("The page has not each of the two markers once, in order.")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{section.strip()}\n\n{END}{after}"
