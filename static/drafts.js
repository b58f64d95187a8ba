// What somebody was writing, for as long as their tab lives: it survives a refresh. Where people sign in, a draft is one
// person's, whose id is in its name; it goes when they sign out and when they erase.

const PREFIX = "rlhb.draft"; // in sessionStorage, as what follows: each tab has its own

/** Where it is kept which comparison a tab shows, with its question, so that a refresh restores it. */
export const SHOWN = "rlhb.tab";

/** Where a draft is kept; without accounts, nobody's in particular. */
export const draftOf = (personId = "") => (personId ? `${PREFIX}.${personId}` : PREFIX);

/** Drop all drafts of this tab, and which comparison it shows. */
export function dropDrafts() {
  const written = Object.keys(sessionStorage).filter((each) => each.startsWith(PREFIX) || each === SHOWN);
  for (const key of written) sessionStorage.removeItem(key);
}

/** Where a comment on an answer is kept that is being written; an answer is shown to one person only. */
export const critiqueDraftOf = (responseId) => `${PREFIX}.critique.${responseId}`;

/** Where a version of an answer is kept that is being written. */
export const editDraftOf = (responseId) => `${PREFIX}.edit.${responseId}`;

/** Where it is kept by which version of a study's guidelines somebody has begun to work. */
export const guidelinesReadOf = (studyId) => `${PREFIX}.guidelines.${studyId}`;
