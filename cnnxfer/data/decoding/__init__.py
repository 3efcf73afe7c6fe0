"""Images decoded by processes of their own, which a broken file may crash."""
