"""The model process: one base model, its adapters, and an HTTP server that speaks the OpenAI chat protocol.

Started by the app or alone (`rlhb engine`), always in a process of its own: the web process imports nothing of it but
`options`. Does not know comparisons, people or the store.
"""
