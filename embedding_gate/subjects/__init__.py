"""What is judged: a live model, or recorded vectors."""
