"""What all plots share: the drawing around them, and texts in them."""

from collections.abc import Iterable

from markupsafe import Markup

from cnnxfer.reporting import printable


def drawing(
    title: str, description: str, width: float, height: float, parts: Iterable[Markup]
) -> Markup:
    """Returns an SVG of its parts, which screen readers call by its title.

    Args:
        title: what the plot shows.
        description: what is read in it, in a sentence.
        width: its width in pixels, at most; in a narrow page it shrinks.
        height: its height at that width.
        parts: what is drawn, in order.
    """
    return Markup(
        '<svg class="plotted" role="img" '
        'viewBox="0 0 {0} {1}" width="{0}" height="{1}">'
        "{2}<desc>{3}</desc>{4}</svg>"
    ).format(
        short(width),
        short(height),
        hint(title),
        printable(description),
        Markup("").join(parts),
    )


def hint(content: str) -> Markup:
    """Returns what is shown where the mouse rests on the element that holds it."""
    return Markup("<title>{}</title>").format(printable(content))


def text(
    x: float, y: float, content: str, anchor: str = "start", kind: str = ""
) -> Markup:
    """Returns a line of text.

    Args:
        x: where it starts, in pixels, or has its middle or its end.
        y: its base line.
        content: the text, which is shown literally.
        anchor: what lies at `x`: `start`, `middle` or `end`.
        kind: classes of the style sheet.
    """
    return Markup('<text x="{}" y="{}" text-anchor="{}" class="{}">{}</text>').format(
        short(x), short(y), anchor, kind, printable(content)
    )


def shortened(content: str, most: int) -> str:
    """Returns a text of at most so many characters, with an ellipsis for the rest."""
    return content if len(content) <= most else f"{content[: most - 1]}…"


def short(value: float) -> str:
    """Returns a length as it is written, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")
