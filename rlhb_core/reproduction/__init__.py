"""The paper's results on the embedded world, made again from nothing: `rlhb reproduce`.

command.py is the whole of it; tasks.py says what is trained on what; work.py does one task in a process of its own;
runner.py goes through them, several at a time, and goes on where it broke off; records.py keeps what a seed came to;
results.py turns seeds into named numbers with intervals; pictures.py draws them; page.py writes the report. Everything
here is simulated and says so.
"""
