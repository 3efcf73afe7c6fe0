"""The page beside an exported network: how to run it without cnnxfer."""

from cnnxfer.data.dataset import (
    CLASSIFICATION,
    DETECTION,
    LOCALIZATION,
    MULTI_LABEL,
    SEGMENTATION,
)
from cnnxfer.data.images.frame import GREY
from cnnxfer.engines.exported.manifest import MANIFEST, Manifest
from cnnxfer.exporters.formats import Format
from cnnxfer.exporters.parity import Parity
from cnnxfer.spelling import command, command_line
from cnnxfer.tasks.boxes.answer import LEAST_SCORE

SQUARES = {  # the part of the picture that is seen, by how it is fitted
    "crop": """\
side = {fraction:.10g} * min(picture.size)  # the square in the middle
left, top = ((length - side) / 2 for length in picture.size)
square = (left, top, left + side, top + side)
picture = picture.resize(({size}, {size}), Image.Resampling.BICUBIC, square)
""",
    "stretch": """\
picture = picture.resize(({size}, {size}), Image.Resampling.BICUBIC)
""",
    "letterbox": """\
grey = ({grey}, {grey}, {grey})  # around the whole picture
picture = ImageOps.pad(picture, ({size}, {size}), Image.Resampling.BICUBIC, grey)
""",
}
SOFTMAX = "scores = np.exp(outputs - outputs.max())\nscores = scores / scores.sum()\n"
BEST = """\
for place in np.argsort(-scores[0])[:5]:
    print(f"{{scores[0, place]:.3f}} {{classes[place]}}")
"""
ANSWERS = {  # by task
    CLASSIFICATION: BEST,
    MULTI_LABEL: """\
for name, score in zip(classes, scores[0]):
    if score >= thresholds.get(name, 0.5):
        print(f"{{score:.3f}} {{name}}")
""",
    LOCALIZATION: """\
logits, box = outputs[0, :-4], outputs[0, -4:]  # a box in shares of the square's side
print(classes[logits.argmax()], *box)
""",
    DETECTION: """\
for *box, score, place in outputs[0]:  # boxes in pixels of the square
    if score >= {threshold}:
        print(f"{{score:.3f}} {{classes[int(place)]}}", *box)
""",
    SEGMENTATION: """\
mask = outputs[0].argmax(axis=-1)  # for every pixel of the square, a place in classes
for place in np.unique(mask):
    print(classes[place], (mask == place).mean())
""",
}
PAGE = """\
# {name}, as {format} in {precision}

The input is RGB pixels in [0, 255], float32 `(pictures, {size}, {size}, 3)`;
normalization is in the network. The output is {outputs}. `{manifest}` has the classes
in their order, and the SHA-256 of the files. Checked on {sentence}.

```python
import json
{imports}
import numpy as np
from PIL import Image, ImageOps

picture = ImageOps.exif_transpose(Image.open("picture.jpg")).convert("RGBA")
white = Image.new("RGBA", picture.size, "white")  # behind what is transparent
picture = Image.alpha_composite(white, picture).convert("RGB")
{square}pixels = np.asarray(picture, np.float32)[None]

{example}
with open("{manifest}", encoding="utf-8") as file:
    classes = [name for _, name in json.load(file)["classes"]]
{answer}```

With cnnxfer: `{command}`, where FOLDER is this one.
"""


def readme(form: Format, manifest: Manifest, parity: Parity) -> str:
    """Returns the page of an exported network, in Markdown."""
    lines = form.example.strip("\n").split("\n\n", 1)
    square = SQUARES[manifest.fit].format(
        fraction=manifest.fraction, size=manifest.image_size, grey=GREY
    )
    with command_line():
        shell = command("predict", "picture.jpg", model="FOLDER")
    return PAGE.format(
        command=shell,
        name=manifest.name,
        format=manifest.format,
        precision=manifest.precision,
        size=manifest.image_size,
        outputs=manifest.outputs,
        manifest=MANIFEST,
        sentence=parity.sentence,
        imports=f"\n{lines[0]}",
        square=square,
        example=f"{lines[1]}\n",
        answer=_probabilities(manifest) + _answer(manifest),
    )


def _answer(manifest: Manifest) -> str:
    thresholds = manifest.answers["thresholds"].values()
    return ANSWERS[manifest.answers["task"]].format(
        threshold=next(iter(thresholds), LEAST_SCORE)
    )


def _probabilities(manifest: Manifest) -> str:
    answers = manifest.answers
    if answers["task"] not in (CLASSIFICATION, MULTI_LABEL):
        return ""
    temperature = answers["temperature"]
    divided = f"outputs = outputs / {temperature!r}  # honest confidence\n"
    lines = (divided if temperature else "") + {
        "softmax": SOFTMAX,
        "sigmoid": "scores = 1 / (1 + np.exp(-outputs))\n",
        "linear": "scores = outputs\n",
    }[answers["activation"]]
    if answers["task"] == MULTI_LABEL:
        lines += f"thresholds = {answers['thresholds']!r}\n"
    return lines
