// The page's clock, in milliseconds since 1970: the machine's when the page opened, and what has passed since then. So
// nothing that is done here comes before what was done here earlier, whatever is done to the machine's clock meanwhile.

export const openedMs = Math.floor(performance.timeOrigin);

export function nowMs() {
  return Math.floor(performance.timeOrigin + performance.now());
}
