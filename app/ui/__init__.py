"""Gradio pages: layout and handlers, one file a page."""
