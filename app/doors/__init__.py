"""What stands between the network and the app: which requests get in at all, and what every answer carries.

`pages.py` is the door of a Gradio page: the few of Gradio's routes that the page uses in a browser, and nothing else.
`events.py` says what an event of a page may be sent. Knows no person: who is asking is `app/identity.py`.
"""

from app.doors.events import Event, events_of
from app.doors.pages import ROUTES, Door

__all__ = ["ROUTES", "Door", "Event", "events_of"]
