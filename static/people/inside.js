// Where to go after signing in: a page of this site, whatever was asked for. Signing in by a provider outside.

import { post } from "../kit.js";

/** The address to go on to: `wanted` if it is a path of this site, else the start page. */
export function inside(wanted) {
  const home = new URL("/", location.origin).href;
  if (!wanted?.startsWith("/") || wanted.startsWith("//") || wanted.includes("\\")) return home;
  const there = URL.canParse(wanted, location.origin) ? new URL(wanted, location.origin) : null;
  return there?.origin === location.origin ? there.href : home; // in full: a path alone may begin with two slashes
}

/** Off to the provider outside, to come back signed in. */
export async function leaveForProvider(next, link = "") {
  const { address } = await post("/api/openid", { next, link });
  location.assign(address);
}
