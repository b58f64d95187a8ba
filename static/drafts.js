// What somebody was writing, for as long as their tab lives: it survives a refresh. Where people sign in, a draft is one
// person's, whose id is in its name; it goes when they sign out and when they erase.

const PREFIX = "rlhb.draft"; // in sessionStorage: each tab has its own

/** Where a draft is kept; without accounts, nobody's in particular. */
export const draftOf = (personId = "") => (personId ? `${PREFIX}.${personId}` : PREFIX);

/** Drop all drafts of this tab. */
export function dropDrafts() {
  for (const key of Object.keys(sessionStorage).filter((each) => each.startsWith(PREFIX))) sessionStorage.removeItem(key);
}
