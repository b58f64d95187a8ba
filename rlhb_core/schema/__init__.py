"""What is recorded and what it is called: records, behaviours as text, arms, prompts. Knows no file, no model."""
