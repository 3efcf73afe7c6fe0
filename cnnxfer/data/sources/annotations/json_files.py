"""JSON files of annotations, whose content tells which format they have."""

from collections.abc import Iterator, Sequence

from cnnxfer.data.sources.annotations import coco, label_studio, labelme, results, via
from cnnxfer.data.sources.annotations.annotated import AnnotatedImage, Reading
from cnnxfer.data.sources.annotations.files import read_json
from cnnxfer.errors import DataError

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
    tried = 0
    title = "reading annotations"
    with reading.reporter.progress(title, len(files), "files") as advance:
        for file in files:
            if not reading.format and tried == MAX_TRIED:
                return
            tried += 1
            try:
                document = read_json(file)
                found = next((each for each in FORMATS if each.accepts(document)), None)
                if found is None:
                    continue
                reading.format = found.NAME
                yield from found.read(document, file, reading)
            except DataError as error:
                reading.problems.append(str(error))
            advance()
