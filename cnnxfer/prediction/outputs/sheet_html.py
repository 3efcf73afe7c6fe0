"""A contact sheet as one HTML file that needs no other file and no script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from cnnxfer.pages.html import (
    COLOUR_STYLE,
    CONTENT_SECURITY_POLICY,
    data_url,
    safe_text,
)
from cnnxfer.prediction.outputs.folder import bare_name
from cnnxfer.prediction.outputs.thumbnails import ThumbnailReader
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import Reporter, counted

WIDTH, HEIGHT = 240, 180  # of an image, at most; the height is 11.25rem in STYLE
SHOWN_CLASSES = 5

# `content-visibility` lets a browser skip images that are out of sight.
STYLE = (
    COLOUR_STYLE
    + """\
  --bar: light-dark(#bfdcf5, #28516f); --doubt: light-dark(#e7e0cf, #4b432f);
  --bad: light-dark(#b42318, #ff9d92); }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.5rem; max-width: 110rem; display: flex;
  flex-direction: column; gap: 1.5rem; background: var(--paper); color: var(--ink);
  font: 14px/1.4 system-ui, sans-serif; }
header { order: -2; } h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }
footer { order: -1; color: var(--pale); margin-top: -1.25rem; }
main { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(13.5rem, 1fr)); }
figure { margin: 0; padding: .6rem; background: var(--tile); border-radius: .6rem;
  content-visibility: auto; contain-intrinsic-size: auto 20rem; break-inside: avoid; }
.picture { height: 11.25rem; display: grid; place-items: center; color: var(--bad);
  text-align: center; overflow-wrap: anywhere; overflow: hidden; }
img { max-width: 100%; max-height: 11.25rem; border-radius: .3rem; }
.name { margin: .5rem 0 .35rem; color: var(--pale); font-size: .8rem;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.unsure { float: right; margin-left: .5rem; color: var(--bad); }
ol { list-style: none; margin: 0; padding: 0; display: grid; gap: .2rem; }
li { display: flex; justify-content: space-between; gap: .5rem; padding: .1rem .4rem;
  border-radius: .25rem; print-color-adjust: exact; -webkit-print-color-adjust: exact;
  background: linear-gradient(var(--bar) 0 0) 0 / var(--part) no-repeat; }
.doubtful li { --bar: var(--doubt); } li:first-child { font-weight: 600; }
li.not { --bar: var(--doubt); font-weight: 400; color: var(--pale); }
li span:first-child { overflow-wrap: anywhere; }
li span + span { font-variant-numeric: tabular-nums; }
@media print { :root { color-scheme: light; } body { display: block; padding: 0;
  font-size: 11px; }
  main { grid-template-columns: repeat(4, 1fr); gap: .5rem; }
  figure { content-visibility: visible; border: 1px solid #ddd; } }
"""
)

HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{nothing_else}
<meta name="generator" content="cnnxfer">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{title}</h1></header>
<main>
"""


@contextmanager
def html_sheet(
    path: Path, title: str, reporter: Reporter
) -> Iterator[Callable[[Prediction], None]]:
    """Opens a sheet and yields the function that adds a prediction to it.

    Each image is written at once, so that memory does not grow with their number.

    Args:
        path: path of the file to write.
        title: title of the sheet.
        reporter: not used, since every image fits.
    """
    images = unreadable = 0
    unsure: Counter[str] = Counter()  # numbers of images without an answer, by label
    reader = ThumbnailReader(WIDTH, HEIGHT)
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        head = HEAD.format(
            title=safe_text(title), style=STYLE, nothing_else=CONTENT_SECURITY_POLICY
        )
        stream.write(head)

        def add(prediction: Prediction) -> None:
            nonlocal images, unreadable
            images += 1
            unreadable += prediction.error is not None
            if prediction.unsure:
                unsure[prediction.label] += 1
            stream.write(_figure(prediction, reader.read(prediction)))

        yield add
        counts = [counted(images, "image")]
        counts += [f"{count:,} {label}" for label, count in unsure.items()]
        counts += [f"{unreadable:,} could not be read"] if unreadable else []
        stream.write(
            f"</main>\n<footer>{', '.join(counts)}</footer>\n</body>\n</html>\n"
        )


def _figure(prediction: Prediction, picture: Image.Image | None) -> str:
    path = safe_text(prediction.path)
    name = safe_text(bare_name(prediction.path) or prediction.path)
    name += prediction.frame_mark
    if prediction.error is not None:
        shown = f"<span>{safe_text(prediction.error)}</span>"
    elif picture is None:
        shown = "<span>no picture</span>"
    else:
        shown = f'<img src="{data_url(picture)}" alt="" decoding="async">'
    unsure = prediction.unsure
    mark = f'<span class="unsure">{prediction.label}</span>' if unsure else ""
    classes = "".join(
        f"<li{' class=not' * prediction.lacks(ranked)} "
        f'style="--part:{ranked.probability:.1%}">'
        f"<span>{safe_text(ranked.label)}</span><span>{ranked.probability:.1%}</span></li>"
        for ranked in prediction.answers_first[:SHOWN_CLASSES]
    )
    ranking = f"<ol>{classes}</ol>" if classes else ""
    return (
        f"<figure{' class=doubtful' * unsure}>"
        f'<div class="picture">{shown}</div>'
        f'<figcaption><div class="name" title="{path}">{mark}{name}</div>{ranking}'
        "</figcaption></figure>\n"
    )
