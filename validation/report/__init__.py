"""The page of a validation: figures, verdicts, statements."""
