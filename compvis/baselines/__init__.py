"""What the grammar is compared with, behind the same fit and predict."""
