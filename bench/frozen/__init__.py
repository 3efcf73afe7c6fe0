"""The frozen phase: a new head on a backbone that does not change."""
