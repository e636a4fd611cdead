"""What is measured, beside what is tested."""
