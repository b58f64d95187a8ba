// How two texts differ, word by word: the longest common subsequence of their words. Pure.

// A script that puts no blanks between words is taken character by character.
const WORD = /(?:[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]\p{M}*|[^\s\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]+)\s*/gu;

/** So many words of each text are compared; a table of so many by so many bytes is made. */
export const MOST_WORDS = 4_000;

/**
 * The way from one text to the other: [{kind: "same" | "gone" | "new", text}], neighbours of different kinds.
 * White space belongs to the word before it, but does not tell words apart. Words beyond the first 4,000 are left out.
 */
export function differences(one, other) {
  const [a, b] = [wordsOf(one), wordsOf(other)];
  let start = 0;
  while (start < a.length && start < b.length && alike(a[start], b[start])) start += 1;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && alike(a.at(-1 - end), b.at(-1 - end))) end += 1;
  const parts = [];
  const add = (kind, words) => words.forEach((word) => push(parts, kind, word));
  add("same", b.slice(0, start));
  for (const [kind, word] of between(a.slice(start, a.length - end), b.slice(start, b.length - end))) push(parts, kind, word);
  add("same", b.slice(b.length - end));
  return parts;
}

/** Whether a text has more words than are compared. */
export function isCut(text) {
  return (text.match(WORD) ?? []).length > MOST_WORDS;
}

function wordsOf(text) {
  return (text.match(WORD) ?? []).slice(0, MOST_WORDS);
}

function alike(one, other) {
  return one.trimEnd() === other.trimEnd();
}

/** The same for texts that begin and end differently, by a table of the lengths of what is common from each place on. */
function* between(a, b) {
  const [keysA, keysB] = keysOf(a, b);
  const width = b.length + 1;
  const goesDown = new Uint8Array(a.length * width); // 1: take from a; 2: the words are the same; 0: take from b
  let below = new Uint16Array(width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    const row = new Uint16Array(width);
    for (let j = b.length - 1; j >= 0; j -= 1) {
      if (keysA[i] === keysB[j]) {
        row[j] = below[j + 1] + 1;
        goesDown[i * width + j] = 2;
      } else if (below[j] >= row[j + 1]) {
        row[j] = below[j];
        goesDown[i * width + j] = 1;
      } else row[j] = row[j + 1];
    }
    below = row;
  }
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const step = i === a.length ? 0 : j === b.length ? 1 : goesDown[i * width + j];
    if (step === 2) yield ["same", b[j]];
    else yield step ? ["gone", a[i]] : ["new", b[j]];
    if (step) i += 1;
    if (step !== 1) j += 1;
  }
}

/** Numbers for words, alike ones the same. */
function keysOf(...texts) {
  const numbers = new Map();
  const numberOf = (word) => {
    const key = word.trimEnd();
    if (!numbers.has(key)) numbers.set(key, numbers.size);
    return numbers.get(key);
  };
  return texts.map((words) => Uint32Array.from(words, numberOf));
}

function push(parts, kind, text) {
  if (parts.at(-1)?.kind === kind) parts.at(-1).text += text;
  else parts.push({ kind, text });
}
