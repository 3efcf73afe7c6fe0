"""JSON files of annotations, whose content tells which format they have."""

from collections import Counter
from collections.abc import Iterator, Sequence

from cnnxfer.data.sources.annotations import coco, label_studio, labelme, results, via
from cnnxfer.data.sources.annotations.annotated import AnnotatedImage, Reading
from cnnxfer.data.sources.annotations.files import read_json
from cnnxfer.errors import DataError
from cnnxfer.reporting import counted

FORMATS = (coco, labelme, via, label_studio, results)
EXPECTED = "COCO, LabelMe, VIA, Label Studio or predict"
MAX_TRIED = 10  # files that may be of another kind


def find(names: Sequence[str], root: str) -> list[str]:
    """Returns the JSON files; only those that begin with `instances`, if any do.

    COCO's other files tell of the same images something else.
    """
    files = [name for name in names if name.lower().endswith(".json")]
    instances = [
        name for name in files if name.rpartition("/")[2].startswith("instances")
    ]
    return instances or sorted(files, key=lambda name: (name.count("/"), name))


def read(files: Sequence[str], reading: Reading) -> Iterator[AnnotatedImage]:
    """Yields what each file says of its images, whatever format it has.

    Where the first files are none of the formats, the others are not read: programs
    leave JSON of all kinds beside images.
    """
    title = "reading annotations"
    with reading.reporter.progress(title, len(files), "files") as advance:
        for tried, file in enumerate(files):
            if not reading.format and tried == MAX_TRIED:
                return
            yield from _of_file(file, reading)
            advance()


def _of_file(file: str, reading: Reading) -> Iterator[AnnotatedImage]:
    entries = Counter[str]()  # by the image that they are about
    images = 1  # that the file is about
    try:
        document = read_json(file)
        found = next((each for each in FORMATS if each.accepts(document)), None)
        if found is None:
            return
        reading.format = found.NAME
        images = found.count(document)
        for image in found.read(document, file, reading):
            entries[image.path] += 1
            yield image
    except DataError as error:
        reading.note_broken(error, images - entries.total())
    if again := [path for path, number in entries.items() if number > 1]:
        reading.reporter.warn(
            f"{file} lists {counted(len(again), 'image')} more than once, such as "
            f"{again[0]}. The objects of all its entries count."
        )
