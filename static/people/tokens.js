// Tokens on the page You: one's own (an administrator's list has everybody's), made with their secret shown once.

import { call } from "../api.js";
import { ago, fill, get, h, post } from "../kit.js";
import { attempt, gone, moment, named, once, onSubmit, roleOptions, saidOf, table } from "./parts.js";

const list = document.querySelector("[data-tokens]");
const form = document.querySelector("[data-token-form]");

/** Show them, and bring the form to life. */
export async function startTokens() {
  const mine = document.querySelector("[data-person-role]").dataset.personRole;
  fill(form.elements.role, roleOptions(mine, "researcher"));
  onSubmit(form, saidOf(form), async ({ name, role, days }) => {
    const { token } = await post("/api/tokens", { name, role, days: days ? Number(days) : null });
    form.elements.name.value = "";
    fill(saidOf(form), once("The token", token, "This is the token. Copy it now: it is not shown again."));
    await show();
  });
  await show();
}

async function show() {
  const tokens = await get("/api/tokens");
  const columns = ["Token", "Whose", "Role", "Ends", "Last used", ""];
  fill(list, tokens.length ? table("Tokens", columns, tokens.map(row)) : h("p", { class: "hint" }, "There is none yet."));
}

function row({ id, name, role, owner, mine, expires_ms: expires, used_ms: used }) {
  const revoke = async ({ currentTarget: button }) => {
    if (await attempt(button, saidOf(list), () => call("DELETE", `/api/tokens/${id}`))) {
      await show();
      gone(list, "Taken back. It opens nothing any more.");
    }
  };
  return [
    named(name),
    mine ? "yours" : owner ? named(owner) : "a command's",
    role,
    expires ? moment(expires) : "never",
    used ? ago(used) : "not yet",
    h("button", { class: "button", type: "button", onclick: revoke, "aria-label": `Take back ${name}` }, "Take back"),
  ];
}
