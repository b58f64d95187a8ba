"""The web app: pages, API, store, serving. Stands on `rlhb_core`, never the other way round."""
