"""Examples to try in place or to copy; Carillon itself imports none of them."""
