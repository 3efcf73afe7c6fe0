"""The page of `evaluate --html`: the figures, and the answers that were surest."""

from pathlib import Path

from cnnxfer.evaluation.metrics import Evaluation
from cnnxfer.pages.mark import page_mark
from cnnxfer.pages.page import write
from cnnxfer.pages.thumbnails import thumbnail_urls
from cnnxfer.reporting import Reporter

WIDTH, HEIGHT = 240, 180  # of an image, at most; the height is 11.25rem in style.css
GENERATOR = "cnnxfer evaluate"
PAGE_MARK = page_mark(GENERATOR)


def write_page(evaluation: Evaluation, path: Path, reporter: Reporter) -> None:
    """Writes a page with the figures and with pictures of the surest answers.

    Args:
        evaluation: what was measured.
        path: the HTML file; it is written completely or not at all.
        reporter: shows the progress.

    Raises:
        OSError: if the file cannot be written; the error names it.
    """
    answers = [*evaluation.surest_mistakes, *evaluation.surest_right]
    examples = [sure.example for sure in answers]
    drawn = {sure.example.id: sure.drawn for sure in answers}
    write(
        path,
        "evaluation.html",
        generator=GENERATOR,
        title=f"evaluation of {evaluation.run}",
        evaluation=evaluation,
        pictures=thumbnail_urls(
            examples,
            WIDTH,
            HEIGHT,
            reporter,
            lambda example, image: drawn[example.id](image),
        ),
    )
