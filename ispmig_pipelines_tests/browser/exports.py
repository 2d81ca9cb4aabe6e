"""What made-up ISPs export, for the tests that watch it being migrated."""

from __future__ import annotations

from pathlib import Path

SPEC = """\
version: 1
name: People
sources:
  people: {{files: "{files}"}}
entities:
  customer:
    from: people
    fields:
      account_number: no
      first_name: name
      last_name: name
      status: {{constant: active}}
      signup_date: since
      email: mail
      balance: {{column: owed, positive_is: debt}}
      currency: {{constant: EUR}}
"""
COLUMNS = ("no", "name", "since", "mail", "owed")


def person(n: int) -> tuple[str, ...]:
    """A customer of no one."""
    return (f"C{n}", f"Name{n}", f"2020-{n % 12 + 1:02d}-{n % 28 + 1:02d}",
            f"mail{n}@example.com", f"{n % 100}.50")  # fmt: skip


def spec(folder: Path, files: str = "people.csv") -> Path:
    """The spec of such exports, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "spec.yaml"
    path.write_text(SPEC.format(files=files), encoding="utf-8")
    return path


def people(path: Path, rows: int, first: int = 0, bad: int = 0) -> None:
    """Customers as CSV.

    Args:
        first: number of the first of them.
        bad: how many of them signed up on a day that there is not.
    """
    lines = [COLUMNS, *(person(n) for n in range(first, first + rows))]
    for place in range(1, bad + 1):
        lines[place] = (*lines[place][:2], "2020-02-31", *lines[place][3:])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(",".join(line) + "\n" for line in lines), encoding="utf-8")


def many_people(path: Path, rows: int) -> None:
    """As many customers as take a while, as XML: the slowest format to read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.write("<people>\n")
        for n in range(rows):
            cells = zip(COLUMNS, person(n), strict=True)
            file.write("<person>" + "".join(f"<{c}>{v}</{c}>" for c, v in cells) + "</person>\n")
        file.write("</people>\n")
