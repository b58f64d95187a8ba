// What a further query says about the one before it: the same question in other words, or one that builds on it.
//
// The rule, on content words (lower case, endings cut, function words left out):
//   * reformulate: at least 60 % of all content words of the two queries are common to both, or the words of one are
//     all found in the other. "capital Peru?" after "What is the capital of Peru?".
//   * follow_up: otherwise, if they share a content word, or the new query leans on what went before
//     ("and Mars?", "why?", "who discovered it?").
//   * neither: a new topic. Queries picked from the samples are no reaction to an answer, and never count.
// A query that comes more than ten minutes after the last answer is taken for a new topic too.

const LONGEST_GAP_MS = 10 * 60_000;
const ALIKE = 0.6;
const FUNCTION_WORDS = new Set(
  ("a an and are as at be been but by can could did do does for from had has have how i in into is it its just me my " +
    "no not of on or please so some tell than that the their them then there these they this those to was we were what " +
    "when where which who whom whose why will with would you your many much").split(" "),
);
const LEANS = /^(and|but|so|why|how so|how come|what about|how about|what else|are you sure|really|then|also|more)\b/i;
const PRONOUN = /\b(it|its|they|them|their|that|those|these|this|he|she|his|her)\b/i;

/** "reformulate", "follow_up" or null for the step from one query to the next. */
export function sequelKind(before, after, gapMs = 0) {
  if (gapMs > LONGEST_GAP_MS) return null;
  const first = contentWords(before);
  const second = contentWords(after);
  const common = [...second].filter((word) => first.has(word)).length;
  const all = first.size + second.size - common;
  const contained = common > 0 && common === Math.min(first.size, second.size);
  if (normal(before) === normal(after) || contained || (all > 0 && common / all >= ALIKE)) return "reformulate";
  if (common > 0 || LEANS.test(after.trim()) || PRONOUN.test(after)) return "follow_up";
  return null;
}

function normal(text) {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu)?.join(" ") ?? "";
}

function contentWords(text) {
  const words = normal(text).split(" ").filter((word) => word && !FUNCTION_WORDS.has(word));
  return new Set(words.map((word) => (word.length > 4 ? word.replace(/(ies|es|s|ing|ed)$/, "") : word)));
}
