"""Images for tests of annotations, and what a data set says of the objects in them."""

from pathlib import Path

from PIL import Image

from cnnxfer.data.dataset import Dataset
from cnnxfer.data.objects import Objects
from cnnxfer.data.sources import list_dataset
from cnnxfer.reporting import Reporter

WIDTH, HEIGHT = 40, 20
CAT = ("cat", 3, 5, 30, 20)  # for `voc_xml`
NamedBox = tuple[str, tuple[float, ...]]


def write_images(root: Path, *names: str) -> Path:
    """Writes images of 40 x 20 pixels, each of a colour of its own."""
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT), (40 * number, 90, 10)).save(root / name)
    return root


def write(path: Path, text: str) -> Path:
    """Writes a text file, in folders that need not exist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def read(spec: Path, reporter: Reporter | None = None) -> Dataset:
    return list_dataset(str(spec), reporter or Reporter())


def objects_of(dataset: Dataset) -> dict[str, Objects]:
    """Returns what is known of each image, by its id."""
    found = {}
    for example in dataset.examples:
        assert isinstance(example.annotation, Objects)
        found[example.id] = example.annotation
    return found


def boxes_of(dataset: Dataset) -> dict[str, list[NamedBox]]:
    """Returns the class and the box, rounded to 1/1000, of all objects, by image."""
    return {
        id: [
            (
                dataset.class_names[item.label],
                tuple(round(edge, 3) for edge in item.box),
            )
            for item in annotation.objects
        ]
        for id, annotation in objects_of(dataset).items()
    }


def splits_of(dataset: Dataset) -> dict[str, str | None]:
    return {example.id: example.split for example in dataset.examples}


def voc_xml(*objects: tuple[str, float, float, float, float], name: str = "") -> str:
    """Returns an annotation as LabelImg writes it, of a picture of 40 x 20 pixels."""
    items = "".join(
        f"<object><name>{label}</name><difficult>0</difficult><bndbox><xmin>{left}"
        f"</xmin><ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox>"
        "</object>"
        for label, left, top, right, bottom in objects
    )
    told = f"<filename>{name}</filename><path>C:\\gone\\{name}</path>" if name else ""
    size = "<size><width>40</width><height>20</height><depth>3</depth></size>"
    return f"<annotation>{told}{size}{items}</annotation>"
