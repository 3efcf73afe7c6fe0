"""What checks of boxes and of masks have in common: the pictures that have them."""

from collections import Counter
from collections.abc import Iterable, Iterator

from cnnxfer.data.check.inspected import InspectedData
from cnnxfer.data.class_mask import ClassMask
from cnnxfer.data.masks.mask_file import MaskFile
from cnnxfer.data.objects import Objects


def pictures_with_objects(data: InspectedData) -> Iterator[tuple[int, Objects]]:
    """Yields the index and the objects of each usable picture that may have some."""
    for index in data.sound:
        annotation = data.rows[index].example.annotation
        if isinstance(annotation, Objects):
            yield index, annotation


def masks_in_files(
    data: InspectedData, indices: Iterable[int]
) -> Iterator[tuple[int, ClassMask, MaskFile]]:
    """Yields the index, the mask and its file of each picture that has one."""
    for index in indices:
        mask = data.rows[index].example.annotation
        if isinstance(mask, ClassMask) and isinstance(mask.reader, MaskFile):
            yield index, mask, mask.reader


def class_pixels(data: InspectedData, indices: Iterable[int]) -> Counter[int]:
    """Returns how many pixels of masks in files are of each class, by label."""
    pixels: Counter[int] = Counter()
    for _, mask, file in masks_in_files(data, indices):
        for value, count in file.facts.counts.items():
            if value in mask.values:
                pixels[mask.values[value]] += count
    return pixels
