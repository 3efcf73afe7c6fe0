"""Networks in the files of other runtimes: what belongs to them, and what runs them."""
