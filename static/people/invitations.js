// Invitations on the page People: a link is made and shown once; those that are still good are listed, without it.

import { call } from "../api.js";
import { fill, get, h, post } from "../kit.js";
import { attempt, gone, moment, named, once, onSubmit, roleOptions, saidOf, table } from "./parts.js";

const list = document.querySelector("[data-invitations]");
const form = document.querySelector("[data-invite]");
let shown = ""; // the invitation whose link stands on the page

/** Show them, and bring the form to life. */
export async function startInvitations() {
  fill(form.elements.role, roleOptions("administrator", "annotator"));
  onSubmit(form, saidOf(form), async ({ role, uses, hours }) => {
    const { id, path } = await post("/api/invitations", { role, uses: Number(uses), hours: Number(hours) });
    fill(saidOf(form), once("The link", location.origin + path, "Pass this link on. It is not shown again."));
    shown = id;
    await show();
  });
  await show();
}

async function show() {
  const open = await get("/api/invitations");
  const columns = ["As", "Can be used", "Until", "Made by", "Made", ""];
  fill(list, open.length ? table("Open invitations", columns, open.map(row)) : h("p", { class: "hint" }, "There is none."));
}

function row({ id, role, uses_left: left, created_ms: created, expires_ms: expires, made_by: by }) {
  const withdraw = async ({ currentTarget: button }) => {
    if (await attempt(button, saidOf(list), () => call("DELETE", `/api/invitations/${id}`))) {
      if (id === shown) fill(saidOf(form));
      await show();
      gone(list, "Withdrawn. Nobody can join by it any more.");
    }
  };
  return [
    role,
    left === 1 ? "once" : `${left} times`,
    moment(expires),
    by ? named(by) : "a command",
    moment(created),
    h("button", { class: "button", type: "button", onclick: withdraw, "aria-label": `Withdraw the invitation as ${role}` }, "Withdraw"),
  ];
}
