// The page People: accounts with their roles and what can be done about them. Invitations have a module of their own.

import "../shell.js";
import { call } from "../api.js";
import { ago, ask, fill, get, h, number, post } from "../kit.js";
import { startInvitations } from "./invitations.js";
import { attempt, focusOn, named, onSubmit, once, roleOptions, saidOf, sentence, table } from "./parts.js";

const list = document.querySelector("[data-accounts]");

show();
startInvitations();

async function show() {
  const people = await get("/api/people");
  fill(list, table("Accounts", ["Name", "Role", "Last seen", "Queries", "State", ""], people.map(row)));
}

function row(person) {
  const { name, me, active, groups, outside, sessions, seen_ms: seen, queries } = person;
  return [
    h("span", { class: "name" }, named(name), me && h("span", { class: "tag" }, "you"), groups.map((each) => h("span", { class: "tag" }, named(each))), outside && h("span", { class: "tag" }, "from outside")),
    roleSelect(person),
    seen ? ago(seen) : "not signed in",
    h("span", { class: "num" }, number(queries)),
    active ? h("span", {}, sessions ? `active, ${sessions} signed in` : "active") : h("span", { class: "off" }, "deactivated"),
    h("button", { class: "button", type: "button", onclick: () => manage(person), "aria-label": `Manage ${name}` }, "Manage"),
  ];
}

/** The select only proposes a role: it is changed by the button that appears then; one's own after a second thought. */
function roleSelect({ id, name, role, me }) {
  if (role === "worker") return role; // of one study; nobody becomes one here
  const select = h("select", { class: "field", "aria-label": `Role of ${name}` }, roleOptions("administrator", role));
  const change = h("button", { class: "button primary", type: "button", hidden: true, "aria-label": `Change the role of ${name}` }, "Change");
  const propose = () => {
    change.hidden = select.value === role;
    fill(saidOf(list), change.hidden ? "" : ["Press Change to make ", named(name), ` ${select.value}; Escape leaves it.`]);
  };
  const leave = () => {
    select.value = role;
    propose();
  };
  select.addEventListener("change", propose);
  change.addEventListener("click", async () => {
    const wanted = select.value;
    const sure = !me || (await ask("Change your own role?", `You will be ${wanted}, and cannot take it back yourself.`, "Change it"));
    const done = sure && (await attempt(change, saidOf(list), () => call("PATCH", `/api/people/${id}`, { role: wanted })));
    if (!done) {
      const why = sure && saidOf(list).textContent;
      leave();
      if (why) saidOf(list).textContent = why;
      return select.focus();
    }
    if (me) return location.assign("/");
    await show();
    saidOf(list).replaceChildren(named(name), ` is ${wanted} now.`);
    focusOn(list, `Role of ${name}`);
  });
  const escape = (event) => {
    if (event.key !== "Escape" || change.hidden) return;
    event.stopPropagation();
    leave();
    select.focus();
  };
  return h("span", { class: "proposes", onkeydown: escape }, select, change);
}

// --- what can be done about somebody --------------------------------------------------------------------

function manage(person) {
  const said = h("div", { class: "said", role: "status" });
  const dialog = h(
    "dialog",
    { class: "pop centre manage", "aria-label": `Manage ${person.name}` },
    h("h2", {}, named(person.name)),
    groupsForm(person, said),
    acts(person, said, () => dialog.close()),
    said,
    h("div", { class: "row" }, h("button", { class: "button primary", type: "button", onclick: () => dialog.close() }, "Close")),
  );
  dialog.addEventListener("close", async () => {
    dialog.remove();
    await show();
    focusOn(list, `Manage ${person.name}`);
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** Groups, which studies may be open to. */
function groupsForm({ id, groups }, said) {
  const field = h("input", { class: "field", name: "groups", dir: "auto", maxlength: 400, value: groups.join(", "), autocomplete: "off" });
  const form = h("form", { class: "line", method: "post" }, h("label", {}, "Groups, with commas between ", field), h("button", { class: "button" }, "Save"));
  onSubmit(form, said, async ({ groups: text }) => {
    await call("PATCH", `/api/people/${id}`, { groups: text.split(",").map((each) => each.trim()).filter(Boolean) });
    said.textContent = "The groups are saved.";
  });
  return form;
}

function acts({ id, name, me, active }, said, close) {
  const path = `/api/people/${id}`;
  const act = (label, words, work, kind = "") => {
    const button = h("button", { class: `button ${kind}`, type: "button" }, label);
    button.addEventListener("click", () => attempt(button, said, work));
    return h("li", {}, h("p", {}, words), button);
  };
  const done = (text) => fill(said, text);
  const sure = async (title, text, yes, work) => (await ask(title, text, yes)) && work();
  const erase = (account) => async () => {
    const { pending } = await post(`${path}/erase`, { confirm: true, account });
    if (account) close();
    (account ? saidOf(list) : said).textContent = `Erased. ${pending && sentence(pending)}`;
  };
  return h(
    "ul",
    { class: "acts" },
    act("Password link", "A link by which they set a new password. It works once, within a day.", async () => {
      const given = await post(`${path}/reset`);
      done(once("The link", location.origin + given.path, "Pass this link on to them. It is not shown again."));
    }),
    act("Sign out everywhere", "Ends all of their sessions; they can sign in again.", async () => {
      const { ended } = await call("DELETE", `${path}/sessions`);
      done(`${ended} ${ended === 1 ? "session has" : "sessions have"} ended.`);
    }),
    !me && activation(path, active, act, close),
    act("Erase records", "Removes every query, answer, vote and reaction of theirs, for good. The account stays.", () =>
      sure(`Erase what ${name} did?`, "This cannot be undone.", "Erase it", erase(false)), "danger"),
    !me && act("Erase records and account", "The same, and they can sign in no more.", () =>
      sure(`Erase ${name}, with all they did?`, "This cannot be undone.", "Erase it", erase(true)), "danger"),
  );
}

function activation(path, active, act, close) {
  const set = async () => {
    await call("PATCH", path, { active: !active });
    close();
  };
  return active
    ? act("Deactivate", "They can sign in no more, their tokens are void, and nothing of theirs is lost. You can let them in again.", set)
    : act("Let in again", "They can sign in again.", set);
}
