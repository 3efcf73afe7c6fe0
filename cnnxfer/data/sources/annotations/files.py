"""Reads files of annotations, which may be large, broken or made to do harm."""

import os
import stat
from typing import Any, ClassVar
from xml.etree.ElementTree import Element, ParseError

import yaml
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from cnnxfer.errors import DataError, reason_of
from cnnxfer.files import format_bytes
from cnnxfer.records import parse_json
from cnnxfer.texts import encoding_of

# COCO's largest file has 0.5 GB; files of one image have some kilobytes, unless they
# hold the image itself.
MAX_DOCUMENT_BYTES = 2_000_000_000
MAX_PAGE_BYTES = 20_000_000
MAX_YAML_BYTES = 100_000  # thousands of classes, in an instant also without libyaml
REPAIR = "Write it anew with the program that made it, or delete it."


def read_limited(path: str, most_bytes: int = MAX_PAGE_BYTES) -> bytes:
    """Returns a whole file of at most `most_bytes`.

    Raises:
        DataError: if it is larger, or cannot be read.
    """
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):  # reading from a pipe would wait
            raise DataError(f"{path} is not a file.")
        if found.st_size > most_bytes:
            raise DataError(
                f"{path} has {format_bytes(found.st_size)}; annotations may have "
                f"{format_bytes(most_bytes)} a file. Divide it."
            )
        with open(path, "rb") as stream:
            return stream.read(most_bytes)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {reason_of(error)}.") from error


def read_json(path: str) -> Any:
    """Returns the document of a JSON file.

    Raises:
        DataError: if it is not JSON.
    """
    content = read_limited(path, MAX_DOCUMENT_BYTES)
    try:
        return parse_json(content.decode(encoding_of(content)))
    except ValueError as error:
        reason = str(error).removeprefix("it is ")
        raise DataError(f"{path} cannot be read: {reason}. {REPAIR}") from error


def read_xml(path: str) -> Element:
    """Returns the root of an XML file; entities are refused.

    Raises:
        DataError: if it is not XML, or declares entities.
    """
    content = read_limited(path)
    try:
        root: Element = ElementTree.fromstring(content)
    except ParseError as error:
        raise DataError(f"{path} is not XML ({error}). {REPAIR}") from error
    except DefusedXmlException as error:
        raise DataError(
            f"{path} declares entities, which are not read. Write it without them."
        ) from error
    except (ValueError, LookupError, RecursionError) as error:  # an unknown encoding
        raise DataError(f"{path} is not XML ({error}). {REPAIR}") from error
    return root


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # where libyaml is built in


class _AsWritten(_Loader):  # type: ignore[misc, valid-type]
    """Reads all values but null as texts: `no` and `1.10` may be names of classes.

    Mappings are not merged by `<<`, which can make a small file a huge one.
    """

    yaml_implicit_resolvers: ClassVar = {
        start: [(tag, form) for tag, form in forms if tag.endswith(":null")]
        for start, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leaves a mapping as it is."""


def read_yaml(path: str) -> Any:
    """Returns the document of a YAML file, with numbers and truth values as texts.

    Raises:
        DataError: if it is not YAML.
    """
    content = read_limited(path, MAX_YAML_BYTES)
    try:
        return _AsWritten(content).get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is not YAML ({reason}). Correct it.") from error


def read_lines(path: str) -> list[str]:
    """Returns the lines of a text file, without blanks around them.

    Raises:
        DataError: if it is not a text.
    """
    content = read_limited(path)
    try:
        text = content.decode(encoding_of(content), "surrogateescape")
    except UnicodeError as error:
        raise DataError(f"{path} is not a text in UTF-8. {REPAIR}") from error
    return [line.strip() for line in text.splitlines()]
