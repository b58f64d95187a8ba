"""What stands between the network and the app: which requests get in at all, and what every answer carries.

`pages.py` is the door of a Gradio page: the few of Gradio's routes that the page uses in a browser, and nothing else.
`events.py` says what an event of a page may be sent, `bodies.py` what any request may bring, `streams.py` how many
answers may last at a time, `headers.py` what all answers carry, `heavy.py` how much slow work is done at a
time. Who is asking, and may: `app/people/`.
"""
