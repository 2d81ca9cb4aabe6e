"""A trend as a picture of a few words' size, drawn into the page itself (SVG)."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, HEIGHT = 92, 22
_EDGE = 3


def sparkline(shares: Sequence[float], told: str) -> str:
    """A line through shares (0 to 1), the newest last and with a dot; "" of fewer than two.

    Args:
        told: the same in words, for who does not see it; HTML.
    """
    if len(shares) < 2:
        return ""
    highest = max(shares) or 1.0
    step = (WIDTH - 2 * _EDGE) / (len(shares) - 1)
    places = [
        (_EDGE + step * at, HEIGHT - _EDGE - (HEIGHT - 2 * _EDGE) * share / highest)
        for at, share in enumerate(shares)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    x, y = places[-1]
    return (
        f'<svg class="spark" role="img" aria-label="{told}" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}"><polyline points="{line}"></polyline>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"></circle></svg>'
    )
