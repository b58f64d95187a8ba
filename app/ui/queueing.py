"""What Gradio's queue of a page is set to, so that many people can follow answers and an idle page costs nothing.

As it comes, the queue of every page looks for work a thousand times a second (and for progress a hundred times), serves
forty events at once, so that the forty-first follower waits for another's answers, and keeps what 10,000 sessions of a
page were shown: 60 KB each on the Runs page. Nothing of ours is kept in a session.
"""

import gradio as gr

LOOK_S = 0.04
"""Longest wait of an event for the queue to look."""
PROGRESS_LOOK_S = 1.0
"""No page of ours shows Gradio's own progress."""
AT_ONCE = 1_000
"""Events served at once; how many streams there may be is limited at the door."""
SESSIONS = 300
"""Sessions of a page that are remembered."""


def calm(blocks: gr.Blocks) -> None:
    """Set the queue of a page that has been mounted but not started."""
    queue = blocks._queue
    queue.sleep_when_free = LOOK_S
    queue.progress_update_sleep_when_free = PROGRESS_LOOK_S
    queue.max_thread_count = AT_ONCE
    blocks.state_holder.capacity = SESSIONS
