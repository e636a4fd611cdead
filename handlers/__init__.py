"""What happens, and who answers: one file per subject."""
