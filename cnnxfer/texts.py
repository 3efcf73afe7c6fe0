"""Text files as people, spreadsheets and other programs write them."""

from __future__ import annotations

import codecs
import csv
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

# Windows-1252 as languages of Western Europe use it. Letters that are rare there are
# left out: as bytes, they are common letters of other languages in other encodings.
_LETTERS = frozenset("àâäáãåæçèéêëìíîïñòóôöõœùúûüßÀÂÄÁÃÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÖÕØøŒÙÚÛÜ")
_SIGNS = frozenset("\xa0\u2018\u2019\u201c\u201d\u201e\u2013\u2014\u2026€°«»¡¿ºª·§©®™")
_SIGN_IN_WORD = re.compile(r"[^\W\d_][^\w\s!-~\u2019]+[^\W\d_]")
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # begins with the mark of UTF-16
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
SEPARATORS = ",;\t|"
_START_BYTES = 4
SAVE_AS_UTF8 = (
    "save it as UTF-8 (in Excel: CSV UTF-8), or convert it: iconv -f ENCODING -t UTF-8"
)
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.I)  # Excel's, above all else


def normal(name: str) -> str:
    """Returns a name in the form by which names are compared.

    An accented letter is one character, as most systems write it, or a letter and an
    accent (macOS): Unicode's forms NFC and NFD, which look the same.
    """
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def existing_form(path: str) -> str:
    """Returns a typed path in the Unicode form that exists; as it is if none does."""
    if path.isascii() or os.path.lexists(path):
        return path
    forms = (unicodedata.normalize(form, path) for form in ("NFC", "NFD"))
    return next(filter(os.path.lexists, forms), path)


def encoding_of(start: bytes) -> str:
    """Returns the encoding of a text by its first bytes: UTF-8, UTF-16 or UTF-32.

    Without a mark, UTF-16 is known by its first two characters, if these are ASCII.
    """
    for mark, name in _MARKS.items():
        if start.startswith(mark):
            return name
    zeros = tuple(byte == 0 for byte in start[:4])
    if zeros == (False, True, False, True):
        return "utf-16-le"
    return "utf-16-be" if zeros == (True, False, True, False) else "utf-8"


def has_escaped_bytes(text: str) -> bool:
    """Tells whether a text that was read as UTF-8 has bytes that are not UTF-8.

    It is read with `errors="surrogateescape"`.
    """
    return not text.isascii() and _ESCAPED_BYTE.search(text) is not None


def western(text: str) -> str | None:
    """Returns a text whose escaped bytes are read as Windows-1252.

    None if it does not look like a language of Western Europe, where accented letters
    stand among plain ones: then the encoding is another one, and cannot be known.
    """
    if not has_escaped_bytes(text):
        return text
    try:
        content = text.encode("utf-8", "surrogateescape")
        found = content.decode("cp1252")
    except UnicodeError:
        return None
    words = re.findall(r"[^\W\d_]+", found)
    likely = all(
        len(word) == 1 or (re.search("[A-Za-z]", word) and _runs_are_short(word))
        for word in words
    )
    known = all(c.isascii() or c in _LETTERS or c in _SIGNS for c in found)
    return found if likely and known and not _SIGN_IN_WORD.search(found) else None


def _runs_are_short(word: str) -> bool:
    return re.search("[^A-Za-z]{3}", word) is None


def read_text(path: Path) -> str:
    """Returns a whole text file in UTF-8, UTF-16, UTF-32 or Windows-1252.

    Raises:
        OSError: if it cannot be read.
        UnicodeError: if it is in another encoding.
    """
    content = path.read_bytes()
    encoding = encoding_of(content)
    try:
        text = content.decode(encoding, "surrogateescape")
    except UnicodeDecodeError as error:
        raise UnicodeError(f"not a text in {encoding.upper()}") from error
    found = western(text)
    if found is None:
        raise UnicodeError("neither UTF-8 nor Windows-1252")
    return found


@contextmanager
def open_lines(path: str) -> Iterator[TextIO]:
    """Opens a text file in UTF-8, UTF-16 or UTF-32; keeps its bytes and line ends.

    Names of files may not be UTF-8: such bytes are escaped by surrogates.
    """
    with open(path, "rb") as start:
        encoding = encoding_of(start.read(_START_BYTES))
    with open(path, encoding=encoding, errors="surrogateescape", newline="") as stream:
        yield stream


def separator_of(line: str) -> tuple[str, bool]:
    """Returns what separates the cells of a table: what its first line has most of.

    Spreadsheets write semicolons in languages with a decimal comma.

    Returns:
        The separator, and whether the line only names it: `sep=;`.
    """
    if named := _SEPARATOR_LINE.fullmatch(line):
        return named[1], True
    plain = re.sub('"[^"]*"', "", line)
    return max(SEPARATORS, key=plain.count), False  # a comma if there is none


def csv_rows(lines: Iterable[str], separator: str) -> Iterator[list[str]]:
    """Yields the cells of each row of CSV; blanks around quoted cells are left out.

    Args:
        lines: the lines with their ends, as `open(..., newline="")` reads them.
        separator: what stands between two cells.

    Raises:
        csv.Error: if a quotation mark is not where it can be understood.
    """
    before, after = _blanks_around_quotes(separator)

    def tidied() -> Iterator[str]:
        for line in lines:
            if '"' in line:
                line = after.sub("", before.sub("", line))
            yield line

    return csv.reader(tidied(), delimiter=separator, strict=True)


def _blanks_around_quotes(separator: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Returns patterns of the blanks before and after a cell in quotation marks.

    Inside of such a cell, quotation marks are doubled: "a ""b"" c". So an odd number of
    them, or a pair that is a whole cell, begins or ends one.
    """
    mark, blank = re.escape(separator), "[ ]" if separator == "\t" else r"[ \t]"
    end = rf"(?={blank}*(?:{mark}|[\r\n]|$))"
    before = rf'(?:^|(?<={mark})){blank}+(?="(?:"")*(?!")|""{end})'
    after = rf'(?:(?<=[^"]")|(?<=[^"]""")|(?<=^"")|(?<={mark}"")){blank}+{end}'
    return re.compile(before), re.compile(after)
