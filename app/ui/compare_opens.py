"""What the Compare page has beside reading and choosing: marking words, an own version, earlier comparisons.

HTML for the template of `compare_layout.py`, whose rules hold here too; what happens in it is in `static/compare/`.
"""

MARKER = """
  <div class="marker" id="marker" popover tabindex="-1" aria-label="Mark words">
    <p data-why-not role="status" hidden></p>
    <div data-marking>
      <div class="which"><div class="quote" data-words role="slider" tabindex="0" aria-label="Which words: arrows move, with Shift they take more"
          aria-valuemin="1" aria-valuemax="1" aria-valuenow="1" dir="auto"></div>
        <button type="button" class="link" data-by-words aria-pressed="false" aria-keyshortcuts="P">word by word<kbd>P</kbd></button></div>
      <div class="row" role="group" aria-label="How are they?">
        <button type="button" class="button" data-quality="good" aria-pressed="false" aria-keyshortcuts="+">Good<kbd>+</kbd></button>
        <button type="button" class="button" data-quality="bad" aria-pressed="false" aria-keyshortcuts="-">Bad<kbd>−</kbd></button></div>
      <div data-more hidden>
        <div class="chips" data-reasons role="group" aria-label="Why? Optional"></div>
        <form class="row" data-remark-form><input class="field" data-remark dir="auto" maxlength="2000" placeholder="A note, if you like"
          autocomplete="off" aria-label="A note on these words"></form>
        <div class="row"><button type="button" class="button" data-done>Done<kbd>Esc</kbd></button>
          <button type="button" class="link" data-off>Take the mark off</button></div>
      </div>
    </div>
  </div>
"""
"""The popover in which words of an answer are marked."""

EARLIER = """
  <aside class="pop centre earlier" id="earlier" popover tabindex="0" aria-labelledby="earlier-title">
    <button type="button" class="button closes" popovertarget="earlier" popovertargetaction="hide">Close</button>
    <h2 id="earlier-title">Earlier</h2>
    <p class="small">Look at one again, and say something else if you see it otherwise now. What you said before is kept.</p>
    <p data-told role="status" hidden></p><ol data-list></ol>
  </aside>
"""
"""The list of earlier comparisons."""


def own_version(letter: str) -> str:
    """What stands above an answer that the person has written anew, or began to."""
    return f"""<div class="own" role="group" aria-label="Your version of answer {letter}" hidden>
          <button type="button" data-own="changes" aria-pressed="true" aria-keyshortcuts="O">What you changed<kbd>O</kbd></button>
          <button type="button" data-own="text" aria-pressed="false" aria-keyshortcuts="O">Your version</button>
          <button type="button" class="link" data-take-back>Take back</button></div>
        <p class="begun" hidden>You began an edit. <button type="button" class="link" data-act="resume-edit">Go on with it</button>
          <button type="button" class="link" data-drop-edit>Drop it</button></p>
        <div class="changes" dir="auto" hidden></div>"""
