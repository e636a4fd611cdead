"""What runs inside the peers' own environments; their packages are not in ours."""
