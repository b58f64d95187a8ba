"""What may be concluded from a run: judges, checks, alarms, words. Knows no stage and no folder."""
