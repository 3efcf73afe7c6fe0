"""Whether outputs suit what a model tells of an image: classes, objects or masks."""

from cnnxfer.config.prediction import OutputOptions
from cnnxfer.errors import ConfigError
from cnnxfer.prediction.outputs.formats import Writer
from cnnxfer.reporting import Reporter
from cnnxfer.spelling import option
from cnnxfer.tasks.answer import Kind


def check_kind(
    kind: Kind, outputs: OutputOptions, writer: Writer, model: str, reporter: Reporter
) -> None:
    """Checks, before any work, that a model tells what the outputs need.

    Args:
        kind: what its answers tell.
        outputs: the outputs that are asked for.
        writer: that of the results.
        model: its name, for messages.
        reporter: told if masks go nowhere.

    Raises:
        ConfigError: if it doesn't.
    """
    answers = f"{model} answers with {kind}"
    if writer.labels and kind != "objects" and not (writer.masks and kind == "masks"):
        raise ConfigError(
            f"{option('--format', writer.name)} needs objects, and {answers}. "
            + _instead(kind)
        )
    if outputs.drawn != "none" and kind == "classes":
        raise ConfigError(
            f"{option('--drawn')} needs objects or masks, and {answers}. "
            + _instead(kind)
        )
    if outputs.masks != "none" and kind != "masks":
        raise ConfigError(
            f"{option('--masks')} needs masks, and {answers}. Leave it out, or name a "
            f"run that was trained on masks: {option('--model', 'RUN')}"
        )
    shown = (outputs.masks, outputs.drawn, outputs.sheet)
    if kind == "masks" and not writer.masks and all(it == "none" for it in shown):
        reporter.info(
            "results tell the share of each class; to keep the masks themselves, add: "
            + option("--masks", "FOLDER")
        )


def _instead(kind: Kind) -> str:
    if kind == "masks":
        return (
            f"Masks are labels already: {option('--masks', 'FOLDER')}; or use "
            f"{option('--format', 'coco')} or {option('--format', 'labelme')}."
        )
    return (
        f"Add {option('--dense', True)} and {option('--boxes', True)}, or name a run "
        f"that was trained on boxes: {option('--model', 'RUN')}"
    )
