// Copying text, also where the browser's own way is missing (plain http on another address than localhost).

/** Copy text; whether it worked. */
export async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No permission, or plain http: the old way, by way of a hidden field, inside an open dialog if there is one.
    const field = Object.assign(document.createElement("textarea"), { value: text, className: "visually-hidden" });
    (document.querySelector("dialog[open]") ?? document.body).append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
