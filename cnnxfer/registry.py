"""Named entries, and suggestions for names that were misspelt."""

import difflib
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar

from cnnxfer.errors import ConfigError

MAX_SHOWN = 12
SHORT = 3  # letters of a word of which the first is hardly mistyped
# Before a name, it means what is built in, even if a file or folder is called so, too.
BUILT_IN = "cnnxfer:"


class Named(Protocol):
    """Anything that is identified by its name."""

    @property
    def name(self) -> str:
        """The name as users type it."""


Entry = TypeVar("Entry", bound=Named)


class Registry(Generic[Entry]):
    """Entries that are found by name; case, hyphens and underscores do not matter."""

    def __init__(self, noun: str, *entries: Entry, listed_by: str = "") -> None:
        """Makes a registry.

        Args:
            noun: what messages call an entry, such as "backbone".
            *entries: the first entries.
            listed_by: the command that lists all, if they are too many for a message.
        """
        self.noun = noun
        self.listed_by = listed_by
        self._entries: dict[str, Entry] = {}
        for entry in entries:
            self.add(entry)

    def add(self, entry: Entry) -> Entry:
        """Adds an entry and returns it.

        Raises:
            ValueError: if another entry has the same name.
        """
        key = _key(entry.name)
        if key in self._entries:
            raise ValueError(f"{self.noun} {entry.name!r} is registered twice")
        self._entries[key] = entry
        return entry

    def get(self, name: str) -> Entry:
        """Returns the entry called `name`.

        Raises:
            ConfigError: if there is no such entry; the message suggests similar names.
        """
        try:
            return self._entries[_key(name)]
        except KeyError:
            hint = suggestion(name, self.names())
            if self.listed_by:
                question = did_you_mean(name, self.names())
                hint = question or f" List them with: {self.listed_by}"
            raise ConfigError(f"unknown {self.noun} {name!r}.{hint}") from None

    def names(self) -> list[str]:
        """Returns the names in the order of registration."""
        return [entry.name for entry in self]

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns " Did you mean 'x'?" for the most similar of the known words, or ""."""
    key = _key(word)
    by_key = {_key(name): name for name in known}
    if len(key) <= SHORT:  # "gpu" is not meant to be "cpu"
        by_key = {each: by_key[each] for each in by_key if each[:1] == key[:1]}
    matches = difflib.get_close_matches(key, by_key, n=1, cutoff=0.6)
    return f" Did you mean {by_key[matches[0]]!r}?" if matches else ""


def suggestion(word: str, known: Iterable[str]) -> str:
    """Returns " Did you mean 'x'?", or else " Expected one of: ..."."""
    known = list(known)
    shown, more = known[:MAX_SHOWN], len(known) - MAX_SHOWN
    if question := did_you_mean(word, known):
        return question
    rest = f" and {more} more" if more > 0 else ""
    return f" Expected one of: {', '.join(shown)}{rest}."


def load_object(path: str) -> Any:
    """Imports the object that `"package.module:attribute"` names."""
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)


def _key(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")
