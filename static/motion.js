// Motion, for those who want it.

/** The scroll behaviour to use: smooth, unless the person prefers reduced motion. */
export function smoothly() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
}
