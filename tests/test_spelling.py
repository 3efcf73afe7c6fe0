import pytest

from cnnxfer.spelling import command, command_line, option, spelled


@pytest.mark.parametrize(
    ("name", "value", "typed", "called"),
    [
        ("--lr", None, "--lr", "lr"),
        ("--image-size", 160, "--image-size 160", "image_size=160"),
        ("--split", "slices", "--split slices", "split='slices'"),
        ("--from", None, "--from", "start"),
        ("--no-cache", None, "--no-cache", "cache"),
        ("--cache", False, "--no-cache", "cache=False"),
        ("--dense", True, "--dense", "dense=True"),
        ("--all", None, "--all", "last='100%'"),
    ],
)
def test_options_are_called_as_the_user_calls_them(
    name: str, value: object, typed: str, called: str
) -> None:
    text = "{%s}" % (name if value in (None, True, False) else f"{name} {value}")
    assert option(name, value) == called
    with command_line():
        assert option(name, value) == typed
        if type(value) is not bool:
            assert spelled(f"Use {text}.") == f"Use {typed}."


def test_commands_are_calls_in_python() -> None:
    assert command("resume", "a b", epochs="+5") == (
        "cnnxfer.resume('a b', epochs='+5')"
    )
    with command_line():
        assert command("resume", "a b", epochs="+5") == (
            "cnnxfer resume 'a b' --epochs +5"
        )
        assert command("unfreeze") == "cnnxfer unfreeze"
