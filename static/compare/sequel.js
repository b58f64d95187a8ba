// What a further query says about the one before it: the same question in other words, or one that builds on it. Pure.
//
// The rule, on content words (lower case, endings cut, function words left out):
//   * reformulate: it says so ("no, I meant ..."); or at least 60 % of all content words of the two queries are common to
//     both; or its words are all found in the one before ("capital Peru?" after "What is the capital of Peru?"); or it
//     says the same with a word more, or with any more under the same question word.
//   * follow_up: otherwise, if they share a content word, or the new query leans on what went before ("and Mars?",
//     "why?", "who discovered it?"), or if it goes on in the same conversation in a word or less ("Chile?", "go on").
//     One that asks why or how where the one before did not goes further, however alike the words are.
//   * neither: a new topic, in a conversation too. Queries picked from the samples are no reaction to an answer, and never
//     count. A query that comes more than ten minutes after the last answer is taken for a new topic too.

const LONGEST_GAP_MS = 10 * 60_000;
const ALIKE = 0.6;
const FUNCTION_WORDS = new Set(
  ("a an and are as at be been but by can could did do does for from had has have how i in into is it its just me my " +
    "no not of on or please so some tell than that the their them then there these they this those to was we were what " +
    "when where which who whom whose why will with would you your many much go more").split(" "),
);
const LEANS = /^(and|but|so|why|how so|how come|what about|how about|what else|are you sure|really|then|also|more)\b/i;
const PRONOUN = /\b(it|its|they|them|their|that|those|these|this|he|she|his|her)\b/i;
const CORRECTS = /^(no,? |nope\b|not that\b|i (meant|mean|said|asked)\b|sorry,? i\b|rather\b|in other words\b|let me rephrase\b)/i;
const REASON = /^((and|but|so),? )?(why|how (come|so|do|does|did|can|could|is|are|was|were))\b/i;
const QUESTION_WORD = /\b(what|which|who|whom|whose|when|where|why|how)\b/i;

/** "reformulate", "follow_up" or null for the step from one query to the next. goesOn: in the same conversation. */
export function sequelKind(before, after, { gapMs = 0, goesOn = false } = {}) {
  if (gapMs > LONGEST_GAP_MS) return null;
  const said = after.trim();
  if (normal(before) === normal(after) || CORRECTS.test(said)) return "reformulate";
  const first = contentWords(before);
  const second = contentWords(after);
  const common = [...second].filter((word) => first.has(word)).length;
  const leans = LEANS.test(said) || PRONOUN.test(said);
  if (REASON.test(said) && !REASON.test(before.trim()) && (common || leans || goesOn)) return "follow_up";
  if (common && isSame(first, second, common, asksBy(before) === asksBy(after))) return "reformulate";
  return common || leans || (goesOn && second.size <= 1) ? "follow_up" : null;
}

/** Whether two queries with words in common ask the same. */
function isSame(first, second, common, sameWord) {
  if (common / (first.size + second.size - common) >= ALIKE || common === second.size) return true;
  return common === first.size && (sameWord || second.size - common <= 1);
}

const asksBy = (text) => text.match(QUESTION_WORD)?.[0].toLowerCase() ?? "";

function normal(text) {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu)?.join(" ") ?? "";
}

function contentWords(text) {
  const words = normal(text).split(" ").filter((word) => word && !FUNCTION_WORDS.has(word));
  return new Set(words.map((word) => (word.length > 4 ? word.replace(/(ies|es|s|ing|ed)$/, "") : word)));
}
