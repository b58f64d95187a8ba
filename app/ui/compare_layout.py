"""What the Compare page is made of: its HTML, with the composer, the answers, the vote bar and what opens above them.

No back-quotes, backslashes or dollar signs before braces: it is a template of Gradio, which would read them as code. What
happens in it is told in `static/compare/`, what it is filled with in `compare.py`.
"""

import html
import json

import numpy as np

from app.store import FREE
from app.ui.compare_opens import EARLIER, MARKER, own_version
from rlhb_core.world import SAMPLE_QUERIES, WHAT_IT_KNOWS, sample_queries

LETTERS = "ABC"
SAMPLES_IN_VIEW = 4
SURPRISES = 120

GENERAL_SAMPLES = (
    "Explain why the sky is blue to a ten-year-old.",
    "What should I check before buying a used bicycle?",
    "Write a polite note asking a neighbour to turn the music down.",
    "How does a bill become a law?",
    "Suggest three dinners from rice, eggs and spinach.",
    "What is the difference between weather and climate?",
)
"""Shown when a real model answers; the embedded one brings its own."""


def layout(embedded: bool) -> str:
    """The page. `embedded`: whether the model that ships with the package answers."""
    panels = "".join(_panel(position) for position in range(len(LETTERS)))
    pager = "".join(
        f'<button type="button" data-letter="{letter}" aria-current="{"true" if letter == "A" else "false"}">{letter}</button>'
        for letter in LETTERS
    )
    return f"""
<div class="compare" data-phase="empty" data-free="{FREE}">
  {_DESK}
  {_composer(embedded)}
  <p class="trouble" role="alert" hidden></p>
  <p class="notice" role="status" data-hint hidden></p>
  <p class="notice" role="status" data-break hidden>You have worked for <span data-minutes></span> minutes. A break does your judgement good.
    <button type="button" class="link" data-go-on>Go on for now</button> <button type="button" class="link" data-no-breaks>Do not remind me</button></p>
  <p class="notice" data-says-names hidden>An answer here says whose it is. Judge it by what it does for you; the comparison is marked.</p>
  <p class="notice" data-one-version hidden>All three are by the same version<span data-for-researchers>; put others into Compare on the <a class="link" href="/runs/">Runs page</a></span>.</p>
  {_THREAD}
  <div class="question" tabindex="-1" hidden><p class="words" dir="auto"></p>
    <button type="button" class="link" aria-expanded="false" aria-keyshortcuts="Q">more<kbd>Q</kbd></button></div>
  <div class="tools">{_STEP}<div class="pager" role="group" aria-label="Answer in view">{pager}</div>
    <div class="switches" role="group" aria-label="How answers are shown">{_SWITCHES}</div></div>
  <p class="asked-too" data-asked-too hidden></p>
  <div class="arms" role="list" aria-label="Answers">{panels}</div>
  {_vote_bar()}
  <div class="foot">
    <span>{_about_model(embedded)}</span>
    <span class="connection" role="status" hidden>No connection. What you do is saved here and will be sent.</span>
    <span><button type="button" class="link" popovertarget="earlier" aria-keyshortcuts="Z">Earlier<kbd>Z</kbd></button>
      <button type="button" class="link" popovertarget="guidelines" aria-keyshortcuts="H">Guidelines<kbd>H</kbd></button>
      <button type="button" class="link" popovertarget="keys" aria-keyshortcuts="?">Keys<kbd>?</kbd></button></span>
  </div>
  <p class="visually-hidden" role="status" aria-live="polite" data-says></p>
  {_POPOVERS}{MARKER}{EARLIER}
</div>
"""


_DESK = """
  <div class="desk" hidden><b data-desk-name dir="auto"></b>
    <progress aria-labelledby="desk-far"></progress><span id="desk-far" data-desk-far></span>
    <label class="onward" title="Once all is said of an item, the next one comes by itself"><input type="checkbox" data-onward> Go on by itself</label>
    <a class="link" href="/studies">Leave it for now</a></div>
  <section class="finished" hidden><h2>That was all for now</h2><p></p>
    <p data-code hidden>Your completion code: <b></b></p>
    <div class="row"><button type="button" class="button">Look again</button><a class="button" href="/studies">All studies</a></div></section>
  <section class="briefing" hidden aria-labelledby="briefing-title" tabindex="0"><h2 id="briefing-title"></h2>
    <div data-words></div>
    <div class="row"><button type="button" class="button primary" data-begin>Begin<kbd>⏎</kbd></button>
      <span>They stay at hand, under Guidelines<kbd>H</kbd></span></div></section>
  <p class="notice" data-of-earlier hidden><span></span>
    <button type="button" class="link" aria-keyshortcuts="N">Back to the present one<kbd>N</kbd></button></p>"""

_THREAD = """
  <details class="thread" hidden><summary></summary><div class="turns" role="group" aria-label="What went before" tabindex="0"></div></details>
  <p class="left-out" hidden></p>"""

_STEP = """
    <div class="sequel" role="group" aria-label="What this question is to the one before" hidden><span>This question</span>
      <button type="button" data-step="follow_up" aria-pressed="false">goes further</button>
      <button type="button" data-step="reformulate" aria-pressed="false">asks again</button>
      <button type="button" data-step="none" aria-pressed="false">is new</button></div>"""

_SWITCHES = """
      <button type="button" data-switch="raw" aria-pressed="false" title="Show answers as they were written" aria-keyshortcuts="V">Raw<kbd>V</kbd></button>
      <button type="button" data-switch="linked" aria-pressed="true" title="Scroll all answers as one" aria-keyshortcuts="J"><span class="word">Scroll </span>together<kbd>J</kbd></button>
      <button type="button" data-differs title="Compare two answers word by word" aria-keyshortcuts="W"><span class="word">What </span>differs<kbd>W</kbd></button>
"""


def _composer(embedded: bool) -> str:
    if embedded:
        samples: tuple[str, ...] = SAMPLE_QUERIES
        surprises = sample_queries(np.random.default_rng(7), SURPRISES, clean=True)
    else:
        samples, surprises = GENERAL_SAMPLES, list(GENERAL_SAMPLES)
    chips = "".join(
        f'<button type="button" class="chip">{html.escape(text)}</button>'
        for text in samples[:SAMPLES_IN_VIEW]
    )
    surprise = html.escape(json.dumps(surprises, ensure_ascii=False))
    return f"""
  <form class="composer" data-surprises="{surprise}">
    <div class="row"><textarea class="query" rows="1" maxlength="20000" placeholder="Ask anything, or pick a sample"
      aria-label="Your query" dir="auto" autocomplete="off" enterkeyhint="send"></textarea>
      <button type="submit" class="button primary" aria-keyshortcuts="Control+Enter">Ask<kbd>Ctrl ⏎</kbd></button></div>
    <p class="going-on" data-by-default="{"false" if embedded else "true"}" hidden><button type="button" aria-pressed="false" aria-keyshortcuts="F" aria-describedby="going-on-says">Go on<kbd>F</kbd></button>
      <span id="going-on-says"></span></p>
    <div class="chips" role="group" aria-label="Sample queries">{chips}
      <button type="button" class="chip" data-surprise aria-keyshortcuts="Y">Surprise me<kbd>Y</kbd></button></div>
  </form>"""


_GHOSTS = (
    "Ask something above, or pick one of the samples.",
    "Three answers appear here at once. Which version wrote which stays hidden.",
    "Choose the one you would rather have. Then the names are shown.",
)


def _panel(position: int) -> str:
    letter = LETTERS[position]
    acts = "".join(
        f'<button type="button" data-act="{act}"{pressed} title="{title}" aria-keyshortcuts="{key}" disabled>'
        f"{label}<kbd>{key}</kbd></button>"
        for act, label, key, pressed, title in (
            ("like", "Like", "L", ' aria-pressed="false"', "I like this answer"),
            ("dislike", "Dislike", "D", ' aria-pressed="false"', "I do not like this answer"),
            ("copy", "Copy", "K", "", "Copy the answer"),
            ("edit", "Edit", "E", "", "Write it as it should be"),
        )
    )
    return f"""
    <div class="answer" role="listitem" tabindex="-1" data-status="empty" data-letter="{letter}" aria-label="Answer {letter}">
      <div class="top"><span class="badges"><span class="badge">{letter}</span></span><span class="names"></span>
        <span class="choice">your choice</span><span class="state"></span></div>
      <div class="body" tabindex="0">
        <p class="ghost"><b>{position + 1}</b>{_GHOSTS[position]}</p>
        <details class="thread of-version" hidden><summary></summary><div class="turns"></div></details>
        {own_version(letter)}
        <div class="text"></div><p class="note"></p>
        <button type="button" class="button" data-act="continue" title="Have this answer go on" aria-keyshortcuts="G" hidden>Continue<kbd>G</kbd></button>
        <p class="origin" dir="auto"></p>
        <form class="editor" hidden><textarea name="text" dir="auto" required maxlength="20000" aria-label="Your version of answer {letter}"></textarea>
          <div class="changes" dir="auto" tabindex="0" role="group" aria-label="What you changed in answer {letter}" hidden></div>
          <div class="row"><button type="submit" class="button primary">Save<kbd>Ctrl ⏎</kbd></button>
          <button type="button" class="button" data-act="cancel-edit">Close<kbd>Esc</kbd></button>
          <button type="button" class="button" data-while-editing aria-pressed="false" aria-keyshortcuts="Alt+Enter">Changes<kbd>Alt ⏎</kbd></button></div></form>
      </div>
      <div class="marked" role="group" aria-label="Marks in answer {letter}" hidden></div>
      <div class="acts" role="group" aria-label="Answer {letter}">{acts}
        <button type="button" class="end" data-more popovertarget="more-{position}" aria-haspopup="menu" disabled>More<kbd>M</kbd></button></div>
      <div class="menu" id="more-{position}" popover aria-label="More about answer {letter}">
        <button type="button" data-act="mark" aria-keyshortcuts="P">Mark words<kbd>P</kbd></button>
        <button type="button" data-act="share">Share</button>
        <button type="button" data-act="regenerate">Regenerate</button>
        <button type="button" data-act="flag" aria-pressed="false">Report</button>
        <form class="comment"><input class="field" name="text" dir="auto" maxlength="2000" placeholder="Comment in a line" autocomplete="off"
          aria-label="Comment on answer {letter}"><button type="submit" class="button">Save</button></form>
      </div>
    </div>"""


def _vote_bar() -> str:
    best = "".join(
        f'<button type="button" data-choice="best" data-position="{position}" data-letter="{letter}" aria-keyshortcuts="{position + 1}">'
        f'<span><b>{letter}</b><span class="word"> is best</span></span><kbd>{position + 1}</kbd></button>'
        for position, letter in enumerate(LETTERS)
    )
    others = "".join(
        f'<button type="button" data-choice="{choice}" aria-keyshortcuts="{key}"{quiet}>{label}<kbd>{key}</kbd></button>'
        for choice, label, key, quiet in (
            ("tie", "Tie", "T", ""),
            ("all_bad", "All bad", "X", ""),
            ("skip", "Skip", "S", ' class="quiet"'),
        )
    )
    return f"""
  <div class="vote" hidden><div class="card">
    <div class="choices" role="group" aria-label="Your choice">{best}{others}</div>
    <div class="result" hidden>
      <span class="said"><span data-verb></span> <b></b><span class="early"> · early</span><span class="named"> · with the names known</span></span>
      <span class="saved">Saved here, will be sent.<span class="names-appear"> The names appear then.</span></span>
      <button type="button" class="link" data-undo aria-keyshortcuts="U Control+Z">Undo<kbd>U</kbd><kbd data-typing>Ctrl Z</kbd></button>
      <button type="button" class="link" data-change aria-keyshortcuts="U" hidden>Change<kbd>U</kbd></button>
      <span class="why" role="group" aria-label="Why? Optional"></span>
      <button type="button" class="button primary" data-next aria-keyshortcuts="N">Next query<kbd>N</kbd></button>
    </div>
    <p class="kept" hidden>You said: <b></b>. That stands until you choose again. <button type="button" class="link" data-keep aria-keyshortcuts="U">Leave it so<kbd>U</kbd></button></p>
    <div class="asked" hidden></div>
    <p class="hint"></p>
    <p class="refusal" role="alert"></p>
  </div></div>"""


def _about_model(embedded: bool) -> str:
    plug = '<button type="button" class="link" popovertarget="plug-in" data-for-researchers>Plug in a real one</button>'
    if embedded:
        return f"Embedded model: knows countries, elements, animals and planets. {plug}"
    return 'Names and training are shown after the vote. <button type="button" class="link" popovertarget="plug-in" data-for-researchers>Plug in another model</button>'


_KEYS_OF_STUDIES = """<h3>Where a study asks for more</h3>
    <dl class="keys"><dt><kbd>1</kbd>…<kbd>5</kbd></dt><dd>what it is time for: the best answer; slightly, clearly, much better; the
        next in the order; points, answer by answer</dd>
      <dt><kbd>T</kbd><kbd>⌫</kbd></dt><dd>in the order: same place as the one before, take the last one back; without an order, how much better, then the choice</dd>
      <dt><kbd>←</kbd><kbd>→</kbd></dt><dd>move an answer that has the focus in the order; other points</dd>
      <dt><kbd>L</kbd><kbd>D</kbd></dt><dd>good, bad: of the answer that has the focus, or the next that was not judged</dd>
      <dt><kbd>I</kbd></dt><dd>in words; <kbd>↓</kbd> from there to the reasons, which have digits</dd>
      <dt><kbd>S</kbd><kbd>1</kbd>…</dt><dd>skip, and why</dd><dt><kbd>⏎</kbd></dt><dd>on <b>Next</b>: go on, or to what is still to be said</dd></dl>"""

_POPOVERS = f"""
  <aside class="pop centre" id="guidelines" popover tabindex="0" autofocus aria-labelledby="guidelines-title">
    <button type="button" class="button closes" popovertarget="guidelines" popovertargetaction="hide">Close</button>
    <h2 id="guidelines-title">Guidelines</h2><div data-words>
    <p>There is no right choice to find. We want to know which answer you would rather have.</p>
    <ul><li>Read as you normally would. How long you read is recorded, but there is no right speed.</li>
      <li>Judge what the answer does for you: is it correct, complete, clear, kind, to the point?</li>
      <li><b>Tie</b> when you would be just as happy with either; <b>All bad</b> when you would want none of them.</li>
      <li><b>Skip</b> when you cannot judge. A skip counts neither for nor against an answer.</li>
      <li>Like, copy, edit, mark words or comment whenever you feel like it: these are about one answer, the choice is between them.</li>
      <li>You can choose before all answers are complete; the choice is then marked as early.</li></ul></div>
  </aside>
  <aside class="pop centre" id="keys" popover tabindex="0" autofocus aria-labelledby="keys-title">
    <h2 id="keys-title">Keys</h2>
    <div class="row"><button type="button" class="button" data-rekey>Change a key</button>
      <button type="button" class="button" data-rekey-none hidden>All as they were</button></div>
    <p class="small" role="status" data-rekey-says></p>
    <dl class="keys"><dt><kbd>/</kbd></dt><dd>write a query</dd><dt><kbd>Y</kbd></dt><dd>surprise me</dd><dt><kbd>Ctrl</kbd><kbd>⏎</kbd></dt><dd>ask it</dd><dt><kbd>F</kbd></dt><dd>go on, or ask afresh</dd>
      <dt><kbd>1</kbd><kbd>2</kbd><kbd>3</kbd></dt><dd>A, B or C is best</dd><dt><kbd>T</kbd></dt><dd>tie</dd>
      <dt><kbd>X</kbd></dt><dd>all bad</dd><dt><kbd>S</kbd></dt><dd>skip</dd><dt><kbd>U</kbd></dt><dd>undo, for ten seconds, then change; <kbd>Ctrl</kbd><kbd>Z</kbd> where you write</dd>
      <dt><kbd>N</kbd></dt><dd>next query, or item</dd><dt><kbd>Z</kbd></dt><dd>earlier ones, to go back to</dd><dt><kbd>H</kbd></dt><dd>guidelines</dd><dt><kbd>Q</kbd></dt><dd>the whole question</dd><dt><kbd>Esc</kbd></dt><dd>leave a field, a menu, this list</dd></dl>
    {_KEYS_OF_STUDIES}
    <h3>All answers</h3>
    <dl class="keys"><dt><kbd>V</kbd></dt><dd>raw, as they were written</dd><dt><kbd>J</kbd></dt><dd>scroll together, or each by itself</dd>
      <dt><kbd>W</kbd></dt><dd>what differs, word by word</dd></dl>
    <h3>One answer</h3>
    <dl class="keys"><dt><kbd>A</kbd><kbd>B</kbd><kbd>C</kbd></dt><dd>go to that answer, then</dd>
      <dt><kbd>L</kbd><kbd>D</kbd></dt><dd>like, dislike</dd><dt><kbd>K</kbd></dt><dd>copy</dd><dt><kbd>E</kbd></dt><dd>edit; <kbd>Alt</kbd><kbd>⏎</kbd> while you write: what you changed</dd>
      <dt><kbd>O</kbd></dt><dd>your own version, or what you changed</dd>
      <dt><kbd>P</kbd></dt><dd>mark words: arrows move, with <kbd>Shift</kbd> they take more, <kbd>P</kbd> goes word by word, <kbd>+</kbd> good, <kbd>−</kbd> bad</dd>
      <dt><kbd>G</kbd></dt><dd>go on, where it was cut</dd>
      <dt><kbd>R</kbd></dt><dd>regenerate</dd><dt><kbd>M</kbd></dt><dd>more: share, report, comment</dd></dl>
  </aside>
  <dialog class="pop centre leads-out" aria-labelledby="leads-out-title">
    <h2 id="leads-out-title" data-where>Open this address?</h2>
    <p>An answer says so; nobody has looked at it. It opens in a new tab.</p>
    <code class="block" data-whole dir="ltr"></code>
    <div class="row"><a class="button primary" data-open target="_blank" rel="noopener noreferrer" href="about:blank">Open</a>
      <button type="button" class="button" data-close autofocus>Stay here<kbd>Esc</kbd></button></div>
  </dialog>
  <dialog class="pop centre differs" aria-labelledby="differs-title">
    <h2 id="differs-title">What differs</h2>
    <div class="row" role="group" aria-label="Which answers" data-pairs></div>
    <p class="legend">only in <b data-only></b>: <del>struck</del> · only in <b data-only></b>: <ins>underlined</ins></p>
    <p class="small" data-cut hidden>Of each answer, the first 4,000 words are compared.</p>
    <div class="difference" dir="auto" tabindex="0" role="group" aria-label="The answers as one text"></div>
    <div class="row"><button type="button" class="button" data-close autofocus>Close<kbd>Esc</kbd></button></div>
  </dialog>
  <aside class="pop centre" id="plug-in" popover tabindex="0" aria-labelledby="plug-in-title">
    <h2 id="plug-in-title">Plug in a real model</h2>
    <p>{html.escape(WHAT_IT_KNOWS)} It is there so that the whole loop can be tried at once, without a GPU.</p>
    <p>Start the server with any causal language model that <i>transformers</i> loads, by folder or hub name:</p>
    <code class="block">rlhb serve --base-model Qwen/Qwen3-0.6B</code>
    <p>or with a model server that speaks the OpenAI chat protocol or text-generation-inference's own:</p>
    <code class="block">rlhb serve --base-model http://localhost:8080</code>
    <p class="small">Either is compared and recorded just like this one. Training needs the weights, so it works with the first.</p>
  </aside>
"""
