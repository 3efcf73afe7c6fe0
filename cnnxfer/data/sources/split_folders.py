"""Recognizes folders that are named like splits: `train`, `seg_test`, `val2017`."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cnnxfer.data.dataset import TEST, TRAIN, VALIDATION
from cnnxfer.errors import DataError
from cnnxfer.reporting import listed

# By the word in lower case; folders, tables and other libraries name splits by them.
SPLIT_BY_WORD = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "dev": VALIDATION,
    "test": TEST,
    "testing": TEST,
}
# Words beside them that tell nothing: `training_set`, `testimages`.
_PLAIN = "(?:set|split|data|dataset|images?|imgs?|pictures?|photos?|pics?|files?)"
_PLAIN_WORD = re.compile(_PLAIN)
_SPLIT_WORD = re.compile(f"({'|'.join(SPLIT_BY_WORD)}){_PLAIN}?")
_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[^\W\d_])(?=\d)")
Parts = tuple[str, ...]  # what lies between the slashes of a name
Folders = Mapping[str, list[Parts]]  # by a folder's name, the names in it


@dataclass(frozen=True)
class SplitFolder:
    """A folder that is a split: the name of the split, and what holds its classes."""

    split: str
    top: Parts  # the folder itself, or one in it that holds everything


def find_split_folders(
    folders: Folders, root: str, hint: str = ""
) -> dict[str, SplitFolder]:
    """Returns those of the outermost folders that are splits; none if they are classes.

    One of the words of a folder's name tells its split (`seg_train`, `TestImages`). The
    other words are the same for all, except for those like "set" and "images". A class
    may have such a name: then it holds files, and lies beside classes of other names.

    Args:
        folders: the outermost folders, as `by_folder` returns them.
        root: the folder, archive or address that messages name.
        hint: what to give instead, after a space, where a split holds no folders.

    Raises:
        DataError: if split folders and class folders are mixed, if there are splits of
            several sets, or none to train on.
    """
    splits = _named_splits(folders, root)
    with_folders = {name for name, inner in folders.items() if _holds_more(name, inner)}
    train = [name for name, split in splits.items() if split == TRAIN]
    if not train:
        if len(splits) == len(folders) > 1 and with_folders == set(splits):
            raise DataError(
                f"{root} holds {listed(folders)}, and no folder to train on; expected "
                f"{root}/train beside them. Rename one of them to train, or give one "
                f"alone: {root}/{next(iter(folders))}"
            )
        return {}
    is_exact = len(splits) > 1 and any(name.lower() in SPLIT_BY_WORD for name in train)
    are_all = len(folders) > 1 and len(splits) == len(folders)
    if not (is_exact or are_all or with_folders.intersection(train)):
        return {}
    for name in folders:
        if name not in splits:
            raise DataError(
                f"{root}/{name} lies beside {root}/{train[0]}, which is taken for a "
                "split; expected split folders (train, val, test) or class folders, "
                f"not both. Move or rename {name}; or {train[0]}, if it is a class."
            )
        if name not in with_folders:
            raise DataError(
                f"{root}/{name} has no class folders; expected one folder a class, "
                f"such as {root}/{name}/rose/1.jpg. Add them, or move {name} away."
                f"{hint}"
            )
    tops = _tops(folders)
    return {name: SplitFolder(splits[name], tops[name]) for name in folders}


def refuse_splits_in_classes(folders: Folders, root: str) -> None:
    """Raises a DataError if a folder that would be a class holds split folders."""
    for name, names in folders.items():
        inner = by_folder(names)
        found = {word: split[0] for word in inner if (split := split_and_rest(word))}
        if TRAIN not in found.values() or len(set(found.values())) < 2:
            continue
        place = f"{root}/{name} would be a class, and holds {listed(found)}"
        if any(_holds_folders(inner[word]) for word in found):
            raise DataError(
                f"{place}; expected such folders outermost. Give the folder that holds "
                f"them: {root}/{name}"
            )
        first = next(iter(found))
        raise DataError(
            f"{place}; expected them outside and the classes in them. Move the images: "
            f"those of {root}/{name}/{first} to {root}/{first}/{name}, and so on."
        )


def by_folder(names: Iterable[Parts]) -> dict[str, list[Parts]]:
    """Returns the names in each of the outermost folders, relative to it, sorted."""
    folders: dict[str, list[Parts]] = defaultdict(list)
    for parts in names:
        if len(parts) > 1:
            folders[parts[0]].append(parts[1:])
    return dict(sorted(folders.items()))


def only_folder(names: Iterable[Parts]) -> str | None:
    """Returns the single folder, if it holds others and so is no class; else None."""
    folders = by_folder(names)
    if len(folders) != 1:
        return None
    ((name, inner),) = folders.items()
    return name if _holds_folders(inner) else None


def _holds_folders(names: Iterable[Parts]) -> bool:
    return any(len(parts) > 1 for parts in names)


def _holds_more(folder: str, names: Iterable[Parts]) -> bool:
    """Tells whether there are folders in one, apart from one of its own name."""
    own = folder.lower()
    return _holds_folders(
        parts[1:] if parts[0].lower() == own else parts for parts in names
    )


def _named_splits(folders: Folders, root: str) -> dict[str, str]:
    """Returns the split of each folder whose name tells one and suits the others'."""
    by_rest: dict[str, dict[str, str]] = defaultdict(dict)
    for name in folders:
        if found := split_and_rest(name):
            by_rest[found[1]][name] = found[0]
    plain = by_rest.pop("", {})
    if sum(map(len, [plain, *by_rest.values()])) == len(folders) and len(by_rest) == 1:
        ((_, others),) = by_rest.items()  # `imagenet_train` beside `val`
        return {**plain, **others}
    whole = [
        splits
        for splits in (plain, *by_rest.values())
        if TRAIN in splits.values() and len(set(splits.values())) > 1
    ]
    if len(whole) > 1:
        raise DataError(
            f"{root} holds the splits of several sets: "
            f"{'; '.join(map(listed, whole))}; expected those of one, such as "
            f"{root}/train and {root}/test with the class folders in them. Move the "
            "images there, or list them in a table with the columns path, label and "
            "split."
        )
    return {**plain, **whole[0]} if whole else plain


def split_and_rest(folder: str) -> tuple[str, str] | None:
    """Returns the split that a folder's name tells, and its other words."""
    words = re.split(r"[\W_]+", _BOUNDARY.sub(" ", folder).lower().strip())
    found = [match[1] for word in words if (match := _SPLIT_WORD.fullmatch(word))]
    if len(found) != 1:
        return None
    rest = [
        word
        for word in words
        if not _SPLIT_WORD.fullmatch(word) and not _PLAIN_WORD.fullmatch(word)
    ]
    return SPLIT_BY_WORD[found[0]], " ".join(rest)


def split_in(path: str) -> str | None:
    """Returns the split that a path names: `images/val2017/1.jpg`; None for no split.

    Of several folders with such a name, the innermost tells it.
    """
    found = (split_and_rest(part) for part in reversed(path.split("/")))
    return next((split for split, _ in filter(None, found)), None)


def _tops(splits: Folders) -> dict[str, Parts]:
    """Returns the folder of each split that holds its class folders.

    It is one in the split's own folder if everything lies in it, and it has the same
    name (`seg_train/seg_train`), or all splits have such a one (`train/images`).
    """
    tops: dict[str, Parts] = {name: (name,) for name in splits}
    inner = dict(splits)
    while True:
        found = {name: only_folder(names) for name, names in inner.items()}
        deeper = {
            name: folder
            for name, folder in found.items()
            if folder and (folder.lower() == name.lower() or all(found.values()))
        }
        if not deeper:
            return tops
        for name, folder in deeper.items():
            tops[name] = (*tops[name], folder)
            inner[name] = by_folder(inner[name])[folder]
