// The import form of the Data page: sends the chosen files in one go and says what came of it.

import { call } from "./api.js";
import { fill, h } from "./kit.js";

/** Bring a form to life; `imported` is called when there may be more data than before. */
export function start(form, imported) {
  const files = form.querySelector("input[type=file]");
  const buttons = [...form.querySelectorAll("button")];
  const told = form.querySelector("[role=status]");
  const enable = (on) => buttons.forEach((button) => (button.disabled = !on));
  enable(true);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const dry = event.submitter?.name === "dry";
    enable(false);
    fill(told, say(dry ? "Looking …" : "Importing …", "going"));
    try {
      const address = `/api/data/import${dry ? "?dry=true" : ""}`;
      const result = await call("POST", address, undefined, { body: new FormData(form) });
      fill(told, say(result.sentence, result.failed ? "missing" : "enough"), badLines(result));
      if (dry) return; // the files stay chosen
      files.value = "";
      imported();
    } catch (error) {
      fill(told, say(error.message, "missing"));
    } finally {
      enable(true);
    }
  });
}

const say = (text, tone) => h("p", { class: `plan ${tone}` }, text);

function badLines({ failed, bad_lines: named }) {
  if (!named.length) return null;
  const more = failed - named.length;
  return h(
    "ul",
    { class: "bad-lines" },
    named.map((line) => h("li", {}, `${line.what} ${line.number}: ${line.message}`)),
    more > 0 && h("li", {}, `and ${more.toLocaleString("en")} more`),
  );
}
