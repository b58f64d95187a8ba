// The page Studies: what is open to somebody and how far they are; for researchers, a new one. The page of one study has a
// module of its own.

import "../shell.js";
import { fill, get, h, post } from "../kit.js";
import { isResearcher } from "../me.js";
import { onSubmit, saidOf } from "../people/parts.js";
import { behind, shareWords } from "../share.js";
import "./free.js";
import { bar } from "./progress.js";

const list = document.querySelector("[data-offers]");
const make = document.querySelector("[data-make]");
const STATES = { draft: "not begun", paused: "rests", ended: "ended" };

show();
if (make) {
  onSubmit(make, saidOf(make), async ({ name }) => {
    const { study } = await post("/api/studies", { name });
    location.assign(`/studies/${study.id}`);
  });
}

async function show() {
  try {
    const offers = await get("/api/studies");
    fill(list, offers.length ? h("ul", { class: "offers" }, offers.map(offer)) : h("p", {}, nothing()));
  } catch (error) {
    saidOf(list).textContent = error.message;
  }
}

const nothing = () => (make ? "There is no study yet. Make one below." : "There is nothing to work through just now. You can still ask what you like under Compare.");

function offer({ id, name, about, status, share }) {
  const isOpen = status === "open";
  const begun = share.done + share.skipped > 0;
  return h(
    "li",
    {},
    h("div", { class: "what" }, h("h3", { dir: "auto" }, name, STATES[status] && h("span", { class: "tag" }, STATES[status])), about && h("p", { dir: "auto" }, about), bar(behind(share), share.mine, shareWords(share))),
    h("div", { class: "line" }, isOpen && h("a", { class: "button primary", href: `/?study=${id}`, "aria-label": `${begun ? "Go on" : "Begin"}: ${name}` }, begun ? "Go on" : "Begin"), isResearcher() && h("a", { class: "button", href: `/studies/${id}`, "aria-label": `Lead: ${name}` }, "Lead")),
  );
}
