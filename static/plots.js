// Figures as the server tells them, drawn by plotly in the colours of the page. Knows no page.

import { h, isDark } from "./kit.js";

const NARROW_PX = 640;

/** plotly.js, from this server; it loads once this module is there. */
export const plotly = new Promise((resolve, reject) => {
  const script = h("script", { src: "/api/plotly.js", async: true });
  script.onload = () => resolve(window.Plotly);
  script.onerror = () => reject(new Error("plotly.js did not load"));
  document.head.append(script);
});

/**
 * Draw a figure into an element, or draw it anew. What the reader has zoomed or hidden stays as long as `revision` does.
 * Plotly writes into what it is given: drawn a second time, it would pass for ours. So it is given a copy.
 */
export async function draw(plot, { figure, wide }, templates, revision, without = []) {
  const { data, layout: plain } = structuredClone(figure);
  const template = structuredClone(templates[isDark() ? "dark" : "light"]);
  const layout = { ...plain, template, uirevision: revision, autosize: true };
  await (await plotly).react(plot, data, layout, {
    displaylogo: false,
    displayModeBar: innerWidth < NARROW_PX ? false : "hover", // no room beside a legend that takes two lines
    responsive: true,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d", ...(wide ? [] : ["zoom2d", "pan2d"]), ...without],
  });
}
