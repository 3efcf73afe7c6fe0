"""Classes of masks that neither teach nor count, as `--ignore` names them."""

from __future__ import annotations

from dataclasses import replace

from cnnxfer.data.class_mask import IGNORED, ClassMask
from cnnxfer.data.dataset import Dataset
from cnnxfer.errors import ConfigError
from cnnxfer.spelling import option
from cnnxfer.texts import normal

NOTHING = "none"


def without_ignored(
    dataset: Dataset, ignore: str, *, must_exist: bool = True
) -> Dataset:
    """Returns a data set of masks without the classes that are to be ignored.

    Their pixels have no label any more. Where no class has the value 255, it is ignored
    without being named.

    Args:
        dataset: the data set, as its source lists it.
        ignore: values of masks or names of classes, separated by commas; `none` for
            none of them.
        must_exist: whether it is an error if the data has no such class.

    Raises:
        ConfigError: if there are no masks, or one of the names is neither a class nor a
            value.
    """
    if ignore == NOTHING:
        return dataset
    title = dataset.title or dataset.name
    masks = [it.annotation for it in dataset.examples]
    values = {
        value: label
        for mask in masks
        if isinstance(mask, ClassMask)
        for value, label in mask.values.items()
    }
    if not values and must_exist:
        raise ConfigError(
            f"{option('--ignore')} is {ignore}, and {title} has no masks. Leave it out."
        )
    labels = {normal(name): label for label, name in enumerate(dataset.class_names)}
    gone = set()
    for name in ignore.split(","):
        name = name.strip()
        label = labels.get(normal(name))
        if label is None and name.isdecimal():
            label = values.get(int(name))
        if label is not None:
            gone.add(label)
        elif must_exist and name != str(IGNORED):
            known = {
                label: f"{value} ({dataset.class_names[label]})"
                for value, label in sorted(values.items())
            }
            raise ConfigError(
                f"{option('--ignore')} is {ignore}, and {name} is no class of {title}, "
                f"nor a value of its masks. It has {', '.join(known.values())}."
            )
    kept = [label for label in range(len(dataset.class_names)) if label not in gone]
    numbers = {label: number for number, label in enumerate(kept)}
    return replace(
        dataset,
        class_names=tuple(dataset.class_names[label] for label in kept),
        examples=tuple(
            replace(example, annotation=example.annotation.renumbered(numbers))
            for example in dataset.examples
        ),
    )
