"""The study's page: verdicts, findings, figures, molecules and tables in one file."""
