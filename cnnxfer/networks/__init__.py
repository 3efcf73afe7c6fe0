"""Networks: a backbone with a head, its cut into two parts, saving and loading."""
