"""The pages of people: Sign in, Join, You, People, Audit. Layout only; `static/people/` fills them from the API."""

from collections.abc import Callable
from html import escape

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from app.people import Principal
from app.settings import Settings
from app.store import AuditKind, Role, Store, accounts
from app.ui.plain import plain_page

Body = Callable[[Principal], str]


def add_people_pages(app: FastAPI) -> None:
    """Serve them; where there are no accounts each says so."""
    settings: Settings = app.state.settings

    def page(path: str, title: str, body: Body, active: str = "") -> None:
        def shown(request: Request) -> HTMLResponse:
            who: Principal = request.state.principal
            if not settings.team:
                return plain_page("No accounts here", _ALONE, who, status=404)
            return plain_page(title, body(who), who, active=active, script=f"people{path}")

        app.add_api_route(path, shown, include_in_schema=False)

    provider = settings.openid_name if settings.openid_issuer else ""
    page("/sign-in", "Sign in", lambda who: _sign_in(app.state.store, provider))
    page("/join", "Join", lambda who: _JOIN.format(provider=_button("Join", provider)))
    page("/work", "Take part", lambda who: _WORK)
    page("/you", "You", lambda who: _you(who, bool(provider)))
    page("/people", "People", lambda who: _PEOPLE, "people")
    page("/audit", "Audit", lambda who: _AUDIT, "audit")


def _button(verb: str, provider: str) -> str:
    """The way in by a provider outside, if there is one."""
    if not provider:
        return ""
    return f'<button type="button" class="button" data-provider>{verb} with {escape(provider)}</button>'


def _sign_in(store: Store, provider: str) -> str:
    with store.reading() as connection:
        has_begun = accounts.administrators(connection) > 0
    return _SIGN_IN.format(
        provider=_button("Sign in", provider), help=_LOST if has_begun else _NOBODY_YET
    )


def _you(who: Principal, provider: bool) -> str:
    is_trusted = who.role is not None and who.role.includes(Role.RESEARCHER)
    none_yet = " Leave the present one empty if you have none yet." if provider else ""
    return _YOU.format(tokens=_TOKENS if is_trusted else "", none_yet=none_yet)


_ALONE = """
<h1>There are no accounts here</h1>
<p>Nobody signs in here, and nobody is invited: whoever reaches this server works on it, each browser as somebody of its own.
  For people to come in with accounts, or by the link of a study, it is started with <code>rlhb serve --team</code>.</p>
<p><a class="button" href="/">Back to Compare</a></p>
"""

# A form that no script has come for sends nothing into the address: method=post.

_SIGN_IN = """
<section class="way-in">
  <h1>Sign in</h1>
  <form class="panel stack" method="post" data-sign-in>
    <label>Name <input class="field" name="name" dir="auto" required autofocus maxlength="80"
      autocomplete="username" autocapitalize="none" spellcheck="false"></label>
    <label>Password <input class="field" name="password" type="password" required maxlength="1000"
      autocomplete="current-password"></label>
    <p class="wrong" role="alert"></p>
    <button class="button primary">Sign in</button>{provider}
  </form>
  <p class="hint">{help}</p>
</section>
"""
_LOST = "No account yet, or the password is lost? An administrator can give you a link."
_NOBODY_YET = (
    "There is no administrator yet. The link by which the first one joins stands in the terminal "
    "in which this server was started."
)

_JOIN = """
<section class="way-in">
  <h1>Join</h1>
  <p class="lead" data-meant role="status"></p>
  <form class="panel stack" method="post" data-join hidden>
    <label data-name>Name <input class="field" name="name" dir="auto" required maxlength="40"
      autocomplete="username" autocapitalize="none" spellcheck="false"></label>
    <label>Password <input class="field" name="password" type="password" required minlength="10" maxlength="200"
      autocomplete="new-password" aria-describedby="of-passwords"></label>
    <p class="hint" id="of-passwords">At least 10 characters. A few words are easy to remember and hard to guess.</p>
    <p class="wrong" role="alert"></p>
    <button class="button primary">Join</button>{provider}
  </form>
</section>
"""

_WORK = """
<section class="way-in">
  <h1>Take part</h1>
  <p class="lead">You read answers of language models and say which you would rather have. Go on under the ID by which
    the platform that sent you knows you: the same ID finds what you have begun.</p>
  <form class="panel stack" method="post" data-work>
    <label>Your ID there <input class="field" name="worker" required maxlength="120" pattern="[!-~]+"
      title="Letters, digits and signs, without spaces" autocomplete="off" autocapitalize="none" spellcheck="false"></label>
    <p class="wrong" role="alert"></p>
    <button class="button primary">Begin</button>
  </form>
</section>
"""

_YOU = """
<h1>You and your data</h1>
<p class="lead">Who you are here, where you are signed in, and what is stored of you.</p>
<div class="panels">
  <section class="panel" aria-labelledby="of-name"><h2 id="of-name">Your name</h2>
    <p>You sign in by it, and administrators see it; who leads a study may name you for it. Whoever compares sees
      nobody's.</p>
    <form class="line" method="post" data-name-form>
      <input class="field" name="name" dir="auto" required maxlength="40" autocomplete="username" aria-label="Your name">
      <button class="button">Save</button></form>
    <div class="said" role="status"></div></section>
  <section class="panel" aria-labelledby="of-password"><h2 id="of-password">Your password</h2>
    <p>With a new one you are signed out everywhere else.{none_yet}</p>
    <form class="stack" method="post" data-password-form>
      <input name="username" autocomplete="username" hidden aria-hidden="true" tabindex="-1">
      <label>Present password <input class="field" name="current" type="password" maxlength="1000"
        autocomplete="current-password"></label>
      <label>New password <input class="field" name="password" type="password" required minlength="10" maxlength="200"
        autocomplete="new-password"></label>
      <div><button class="button">Change password</button></div></form>
    <div class="said" role="status"></div></section>
  <section class="panel whole" aria-labelledby="of-sessions"><h2 id="of-sessions">Where you are signed in</h2>
    <p>End what you do not know, and change your password then.</p>
    <div data-sessions></div>
    <p><button type="button" class="button" data-sign-out-everywhere>Sign out everywhere</button></p>
    <div class="said" role="status"></div></section>
  {tokens}
  <section class="panel whole" aria-labelledby="of-data"><h2 id="of-data">Your data</h2>
    <p>Your questions, votes and marks are stored; and, while recording is on, how you read each answer.</p>
    <p class="sentence" data-consent></p>
    <div class="line"><button type="button" class="button" data-recording-toggle>Pause recording</button>
      <button type="button" class="button" data-read-again>Read what you were asked</button>
      <a class="button" href="/api/me/data" download>Download my data</a></div>
    <p class="said" data-person-note role="status"></p></section>
  <section class="panel whole" aria-labelledby="of-erasing"><h2 id="of-erasing">Erase</h2>
    <p>Removes every query, answer, vote and reaction of yours from this server, for good. Models that were already
      trained stay as they are.</p>
    <div class="line"><button type="button" class="button danger" data-erase-records>Erase my data</button>
      <button type="button" class="button danger" data-erase-all>Erase my data and my account</button></div>
    <div class="said" role="status"></div></section>
</div>
"""

_TOKENS = """
<section class="panel whole" aria-labelledby="of-tokens"><h2 id="of-tokens">Tokens</h2>
  <p>A script shows a token instead of signing in. It can do what its role may, in your name.</p>
  <div data-tokens></div>
  <form class="line" method="post" data-token-form>
    <label>What it is for <input class="field" name="name" dir="auto" required maxlength="40" autocomplete="off"></label>
    <label>Role <select class="field" name="role"></select></label>
    <label>Ends after <select class="field" name="days"><option value="7">7 days</option>
      <option value="90" selected>90 days</option><option value="365">a year</option>
      <option value="">never</option></select></label>
    <button class="button">Make a token</button></form>
  <div class="said" role="status"></div></section>
"""

_PEOPLE = """
<h1>People</h1>
<p class="lead">Who may come in, and what they may do. Annotators compare; researchers also train and export;
  administrators also choose what is compared, and who comes in.</p>
<div class="panels">
  <section class="panel whole" aria-labelledby="of-accounts"><h2 id="of-accounts">Accounts</h2>
    <div data-accounts></div><div class="said" role="status"></div></section>
  <section class="panel whole" aria-labelledby="of-inviting"><h2 id="of-inviting">Invite somebody</h2>
    <p>Makes a link for you to pass on. Whoever has it can join.</p>
    <form class="line" method="post" data-invite>
      <label>As <select class="field" name="role"></select></label>
      <label>For how many people <input class="field" name="uses" type="number" min="1" max="1000" value="1" required></label>
      <label>Good for <select class="field" name="hours"><option value="24">a day</option>
        <option value="72" selected>three days</option><option value="168">a week</option>
        <option value="720">30 days</option></select></label>
      <button class="button primary">Make a link</button></form>
    <div class="said" role="status"></div></section>
  <section class="panel whole" aria-labelledby="of-invitations"><h2 id="of-invitations">Open invitations</h2>
    <div data-invitations></div><div class="said" role="status"></div></section>
</div>
"""

_AUDIT = f"""
<h1>Audit</h1>
<p class="lead">Who did what that concerns others, when, and from where. What somebody asked or answered is not here.</p>
<div class="line of-audit"><label>Show <select class="field" data-kind><option value="">everything</option>
  {"".join(f'<option value="{kind}">{kind.replace("_", " ")}</option>' for kind in AuditKind)}</select></label>
  <a class="button" href="/api/audit.jsonl" download>Download all of it</a></div>
<section class="panel" aria-label="Lines"><div data-lines></div></section>
<p class="more"><button type="button" class="button" data-older hidden>Older</button></p>
"""
