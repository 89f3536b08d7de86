"""A line without axes that fits beside a number."""

import math
from collections.abc import Sequence

#: The size that the points are computed for; the style stretches it.
WIDTH_PX, HEIGHT_PX = 220, 48
#: Room for the line's own width, and for the point at its end.
MARGIN_PX = 4


def sparkline(values: Sequence[float]) -> str:
    """Return the values as an SVG line, with the last one marked; empty for fewer than two.

    Values that are not finite are left out.

    >>> sparkline([1.0, 2.0]).startswith('<svg class="spark"'), sparkline([1.0])
    (True, '')
    """
    known = [value for value in values if math.isfinite(value)]
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    # A line that never moves lies in the middle.
    low, high = (low - 1.0, high + 1.0) if low == high else (low, high)
    step_px = (WIDTH_PX - 2 * MARGIN_PX) / (len(known) - 1)
    rise_px = (HEIGHT_PX - 2 * MARGIN_PX) / (high - low)
    points = [
        (MARGIN_PX + row * step_px, HEIGHT_PX - MARGIN_PX - (value - low) * rise_px) for row, value in enumerate(known)
    ]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    (end_x, end_y), floor = points[-1], HEIGHT_PX - MARGIN_PX
    return (
        f'<svg class="spark" viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}" role="img">'
        f"<title>Equity of the last {len(known)} days</title>"
        f'<path class="spark-area" d="M{MARGIN_PX} {floor}L{path}L{end_x:.1f} {floor}Z"/>'
        f'<path class="spark-line" d="M{path}"/>'
        f'<circle class="spark-end" cx="{end_x:.1f}" cy="{end_y:.1f}" r="2.5"/></svg>'
    )
