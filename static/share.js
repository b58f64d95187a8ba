// How far somebody is in a study, in the same words wherever it is told: done is what they have decided; what they skipped is
// told beside it, and behind them too.

/** "3 of 8 done, 5 skipped". share: {done, skipped, mine}. */
export function shareWords({ done, skipped, mine }) {
  const far = `${done.toLocaleString("en")} of ${mine.toLocaleString("en")} done`;
  return skipped ? `${far}, ${skipped.toLocaleString("en")} skipped` : far;
}

/** How many are behind them. */
export const behind = ({ done, skipped, mine }) => Math.min(done + skipped, mine);
