"""The classes of the photographs that `photos_dir` makes."""

# The mean colour of each class, in RGB from 0 to 255.
COLOURS = {"blue": (40, 60, 200), "green": (50, 170, 60), "red": (200, 50, 40)}
