"""Curves in a frame with axes: losses by epoch, precision by recall and the like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from cnnxfer.pages.plots.axis import Axis
from cnnxfer.pages.plots.svg import drawing, hint, short, shortened, text

WIDTH, HEIGHT = 460, 270  # of a plot with its axes, in pixels
LEFT, RIGHT, TOP, BOTTOM = 52, 20, 24, 40  # what lies around the frame
LEGEND_LINE = 18  # pixels
STYLES = 6  # how many kinds of curves style.css tells apart, by colour and by dashes
MARKED = 60  # the most points of a curve that are marked
NAME_LENGTH = 58  # characters of a name in the legend


@dataclass(frozen=True)
class Curve:
    """A curve with its name.

    Attributes:
        name: what it shows.
        points: x and y of its points, from left to right; all are finite.
        style: which of the styles it is drawn in, from 0 on.
        faint: whether it is drawn as something to compare with.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    style: int = 0
    faint: bool = False


def plot_curves(
    title: str,
    curves: Sequence[Curve],
    across: Axis,
    up: Axis,
    *,
    x_name: str,
    marks: Sequence[tuple[float, str]] = (),
) -> Markup:
    """Returns curves as SVG.

    Args:
        title: what they show; it stands above the frame.
        curves: the curves, whose names are the legend; one without points is left out.
        across: the axis of x.
        up: the axis of y.
        x_name: what x is.
        marks: where upright lines part the plot, with what begins there.
    """
    drawn = [curve for curve in curves if curve.points]
    place = _Place(across, up)
    ends = [
        f"{curve.name} ends at {up.written(curve.points[-1][1])}"
        for curve in drawn
        if not curve.faint
    ]
    return drawing(
        title,
        "; ".join(ends) or "no values yet",
        WIDTH,
        height_of(len(drawn)),
        [
            text(LEFT, TOP - 10, title, kind="heading"),
            *_grid(place),
            text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_name, "middle"),
            *_marks(place, marks),
            *(part for curve in drawn for part in _curve(place, curve)),
            *_legend(drawn),
        ],
    )


def height_of(curves: int) -> int:
    """Returns the height of a plot with so many curves, in pixels."""
    return HEIGHT + LEGEND_LINE * curves


@dataclass(frozen=True)
class _Place:
    """Where in the drawing values lie."""

    across: Axis
    up: Axis

    def x(self, value: float) -> float:
        return LEFT + self.across.share(value) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - self.up.share(value) * (HEIGHT - TOP - BOTTOM)


def _grid(place: _Place) -> Iterator[Markup]:
    for tick in place.up.ticks:
        y = place.y(tick)
        yield _line("grid", LEFT, y, WIDTH - RIGHT, y)
        yield text(LEFT - 6, y + 4, place.up.written(tick), "end")
    bottom = HEIGHT - BOTTOM
    for tick in place.across.ticks:
        x = place.x(tick)
        yield _line("grid", x, bottom, x, bottom + 4)
        yield text(x, bottom + 17, place.across.written(tick), "middle")


def _marks(place: _Place, marks: Sequence[tuple[float, str]]) -> Iterator[Markup]:
    for value, name in marks:
        x = place.x(value)
        yield _line("mark", x, TOP, x, HEIGHT - BOTTOM)
        yield text(x + 4, TOP + 11, name)


def _curve(place: _Place, curve: Curve) -> Iterator[Markup]:
    kind = "faint" if curve.faint else f"curve style{curve.style % STYLES}"
    places = [(place.x(x), place.y(y)) for x, y in curve.points]
    points = " ".join(f"{short(x)},{short(y)}" for x, y in places)
    yield Markup('<polyline class="{}" points="{}"/>').format(kind, points)
    if not curve.faint and len(places) <= MARKED:
        for (x, y), (at, value) in zip(places, curve.points, strict=True):
            told = f"{curve.name}: {at:.4g}, {place.up.written(value)}"
            yield Markup(
                '<circle class="{}" cx="{}" cy="{}" r="2.5">{}</circle>'
            ).format(kind, short(x), short(y), hint(told))


def _legend(curves: Sequence[Curve]) -> Iterator[Markup]:
    for number, curve in enumerate(curves):
        y = HEIGHT + LEGEND_LINE * number + 8
        kind = "faint" if curve.faint else f"curve style{curve.style % STYLES}"
        yield _line(kind, LEFT, y, LEFT + 34, y)
        yield text(LEFT + 42, y + 4, shortened(curve.name, NAME_LENGTH))


def _line(kind: str, *ends: float) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
        kind, *map(short, ends)
    )
