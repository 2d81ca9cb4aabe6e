"""Writes the demo's exports: ``python -m ispmig_pipelines.demo.generate``.

The files are kept in the repository, as an ISP's would be; this is where they come from.
"""

from __future__ import annotations

from pathlib import Path

from ispmig_pipelines.demo import metro_fiber, valley_wireless

FOLDER = Path(__file__).parent
ISPS = (valley_wireless, metro_fiber)


def files() -> dict[Path, bytes]:
    """Path → content of every export."""
    return {
        FOLDER / isp.SLUG / "exports" / name: content
        for isp in ISPS
        for name, content in isp.exports().items()
    }


if __name__ == "__main__":
    for path, content in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
