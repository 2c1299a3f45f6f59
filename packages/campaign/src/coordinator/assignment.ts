/** An agent that may take ranges. */
export interface Candidate {
  readonly agent: string;
  /** The number of ranges that it has. */
  readonly load: number;
}

/**
 * Who gets which of the ranges: as evenly as possible with what they have already, in runs of neighbors, so that an
 * agent has few spans. Everybody who calls it with the same gets the same.
 */
export function assign(
  numbers: readonly number[],
  candidates: readonly Candidate[],
): Map<string, readonly number[]> {
  const shares = sharesOf(numbers.length, candidates);
  const sorted = [...numbers].sort((a, b) => a - b);
  const given = new Map<string, readonly number[]>();
  let at = 0;
  for (const [agent, share] of shares) {
    if (share > 0) given.set(agent, sorted.slice(at, at + share));
    at += share;
  }
  return given;
}

/** Fills up the least loaded agents first. */
function sharesOf(total: number, candidates: readonly Candidate[]): Map<string, number> {
  const shares = new Map(candidates.map(({ agent }) => [agent, 0]));
  const byLoad = [...candidates].sort((a, b) => a.load - b.load || (a.agent < b.agent ? -1 : 1));
  let left = total;
  for (let level = 0; left > 0 && byLoad.length > 0; level++) {
    // Those up to `level` are equally high: raise them to the next one's height.
    const height = byLoad[level].load;
    const next = byLoad[level + 1]?.load ?? Number.POSITIVE_INFINITY;
    const room = Math.min(left, (next - height) * (level + 1));
    for (let i = 0; i <= level; i++) {
      const part = Math.floor(room / (level + 1)) + (i < room % (level + 1) ? 1 : 0);
      const { agent } = byLoad[i];
      shares.set(agent, shares.get(agent)! + part);
    }
    left -= room;
  }
  return shares;
}
