"""The errors of the training core, all in one place.

* RlhbError: everything below; its text is a sentence for a person, saying what is wrong and what to do.
  * BadRecord: a record (signal, triplet, line of a file) does not say what it must say.
  * BadConfig: a recipe or a setting cannot be used as it stands.
  * NotEnoughData: the data is well formed, but too little of it to train or judge on.
  * ModelError: a model cannot be loaded or does not do what is asked of it.
  * RunError: a run folder is missing, broken, or in the wrong state for what is asked.
"""


class RlhbError(Exception):
    """Base of all errors that a person can do something about."""


class BadRecord(RlhbError):
    """A record is malformed."""


class BadConfig(RlhbError):
    """A recipe or setting is unusable."""


class NotEnoughData(RlhbError):
    """Too little data for what was asked."""


class ModelError(RlhbError):
    """A model cannot be loaded or used."""


class RunError(RlhbError):
    """A run folder is missing, broken or in the wrong state."""
