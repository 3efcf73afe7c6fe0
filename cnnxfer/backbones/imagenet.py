"""The 1,000 classes of ILSVRC2012, in the order of the networks' outputs.

`imagenet_classes.tsv` lists the WordNet ids in sorted order, each with its first lemma
in WordNet 3.0 (https://wordnet.princeton.edu). It was made from
`imagenet_synsets.txt` and `imagenet_synset_to_lemma.txt` in timm 1.0.31
(https://github.com/huggingface/pytorch-image-models, Apache-2.0).
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class ImagenetClass:
    """One class of ImageNet: its WordNet id, such as "n02123045", and a readable label.

    The ids are unique; two labels occur twice: crane, maillot.
    """

    class_id: str
    label: str


@cache
def imagenet_classes() -> tuple[ImagenetClass, ...]:
    """Returns the 1,000 classes; output `i` of an ImageNet head is for class `i`."""
    table = files("cnnxfer.backbones").joinpath("imagenet_classes.tsv")
    lines = table.read_text("utf-8").splitlines()
    return tuple(ImagenetClass(*line.split("\t")) for line in lines)
