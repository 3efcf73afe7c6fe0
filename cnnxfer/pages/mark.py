"""By what a page is recognized that was written before, and may be overwritten."""


def page_mark(generator: str) -> str:
    """Returns text near the beginning of each page that a command has written."""
    return f'name="generator" content="{generator}"'
