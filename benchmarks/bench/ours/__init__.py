"""What runs inside a clone of this project."""
