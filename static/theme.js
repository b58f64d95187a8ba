// Light or dark: the person's choice is kept in this browser, otherwise the system decides.
// The design tokens hang on <html data-theme>; Gradio's own `dark` class on <body> is kept in step with it.

const KEY = "rlhb.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

/** Start following the switch in the header, the system and other tabs. */
export function startTheme() {
  apply(current());
  system.addEventListener("change", () => apply(current()));
  addEventListener("storage", (event) => event.key === KEY && apply(current()));
  document.querySelector("[data-theme-switch]")?.addEventListener("click", () => {
    const next = current() === "dark" ? "light" : "dark";
    localStorage.setItem(KEY, next);
    apply(next);
  });
  // Gradio sets its class from the system's preference when it starts.
  new MutationObserver(() => syncGradio(current())).observe(document.body, { attributeFilter: ["class"] });
}

function current() {
  return localStorage.getItem(KEY) ?? (system.matches ? "dark" : "light");
}

function apply(theme) {
  document.documentElement.dataset.theme = theme;
  document.querySelector("[data-theme-switch]")?.setAttribute("aria-pressed", String(theme === "dark"));
  syncGradio(theme);
  dispatchEvent(new CustomEvent("rlhb:theme", { detail: theme }));
}

function syncGradio(theme) {
  const dark = theme === "dark";
  if (document.body.classList.contains("dark") !== dark) document.body.classList.toggle("dark", dark);
}
