"""The command cnnxfer, whose MobileNet is a shallow one; for processes of tests."""

from shallow_mobilenet import in_place_of_mobilenet

from cnnxfer.__main__ import main as run_command


def main() -> None:
    """Runs the command line and ends the process."""
    with in_place_of_mobilenet():
        run_command()


if __name__ == "__main__":
    main()
