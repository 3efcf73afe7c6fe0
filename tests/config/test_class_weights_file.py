import subprocess
import sys
from pathlib import Path

import pytest

from cnnxfer.config.class_weights_file import check_class_weights, read_class_weights
from cnnxfer.errors import ConfigError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.csv"


def test_lines_comments_and_names_with_commas(path: Path) -> None:
    path.write_text(
        '\ufeffclass,weight\n# rare\nrose, 4\n\n"lily, white",0.5\n"#1",1e1\n',
        encoding="utf-8",
    )
    expected = {"rose": 4.0, "lily, white": 0.5, "#1": 10.0}
    assert read_class_weights(path) == expected
    check_class_weights(str(path))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize(
    "text",
    [
        "sep=;\r\nclass;weight\r\nros\xe9;0,5\r\n;\r\n",
        'class\tweight\r"ros\xe9" \t 0.5\r',
        '# rare\n "ros\xe9", "0.5" \n',
    ],
)
def test_weights_of_spreadsheets(path: Path, text: str, encoding: str) -> None:
    path.write_bytes(text.encode(encoding))
    assert read_class_weights(path) == {"ros\xe9": 0.5}


@pytest.mark.parametrize("word", ["none", "auto"])
def test_words_are_not_files(word: str) -> None:
    check_class_weights(word)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("rose\n", "line 1: expected CLASS,WEIGHT, found 'rose'."),
        ("# a\nrose,1,2\n", "line 2: expected CLASS,WEIGHT, found 'rose,1,2'."),
        ("rose,much\n", "line 1: the weight is 'much'; it must be a number above 0."),
        ("rose,0\n", "line 1: the weight is '0'; it must be a number above 0."),
        ("rose,nan\n", "line 1: the weight is 'nan'; it must be"),
        ("rose,inf\n", "line 1: the weight is 'inf'; it must be"),
        ("rose,1\nrose,2\n", "line 2: 'rose' already has a weight. Remove one."),
        ("class,weight\n", "has no CLASS,WEIGHT lines."),
        (b"\xff\xfe\x00", "is not a text in UTF-16; save it as UTF-8 (in Excel"),
        (b"\xf0\xee\xe7\xe0,1", "is neither UTF-8 nor Windows-1252; save it as UTF-8"),
        ('"rose,1', "line 1 cannot be read: unexpected end of data. It is '\"rose,1'."),
        ("caf\xe9,1\ncafe\u0301,2\n", "line 2: 'cafe\u0301' already has a weight."),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    path: Path, content: str | bytes, message: str
) -> None:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigError) as caught:
        check_class_weights(str(path))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("atuo", "Did you mean 'auto'?"),
        ("balanced", "Expected none, auto or a file of CLASS,WEIGHT lines."),
    ],
)
def test_neither_a_word_nor_a_file(word: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_class_weights(word)
    assert str(caught.value) == (
        f"class_weights {word} cannot be read: no such file or directory. {hint}"
    )


def test_the_check_needs_no_tensorflow() -> None:
    code = (
        "import sys, cnnxfer.config.class_weights_file; "
        "assert not {'keras', 'numpy', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
