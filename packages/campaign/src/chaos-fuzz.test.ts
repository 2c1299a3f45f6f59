import { test } from 'node:test';
import { runChaos, scheduleOf, shrunk } from './test-support/chaos.ts';

/**
 * Campaigns in which things go wrong. `SEED=7 node …/chaos-fuzz.test.js` runs one of them and leaves out what does not
 * matter; `FROM=1000` begins with another one.
 */
const RUNS = Math.ceil(Number(process.env.ETHERCONN_FUZZ_RUNS ?? 40_000) / 1000);
const { SEED, FROM = '1' } = process.env;

/** What once went wrong, by seed. */
const KNOWN = {
  15: 'two coordinators make a store at once: one of them goes on',
  17: 'a campaign ends while an agent joins it',
  28: 'results that come after the end are in no result, and are told as a gap',
  54: 'a coordinator that was refused listens to nothing any more',
  133: 'the store is lost while ranges are given: each is given once',
  136: 'results that an agent could not tell before the end are a gap',
  184: 'what was stopped while an agent was lost is not done',
  866: 'ranges beside those that an agent has, in the same epoch, are new to it; those that it has are not',
  1953: 'ranges that an agent is given in two grants of the same epoch are all prepared',
  5103: 'a lease that was ended in a store that is lost is over in the next one, too',
  5909: 'renewals that went with the store count',
  6732: 'what nobody could take is not done, also when the store is lost meanwhile',
  429: 'renewals that the coordinator could not hear count, although another incarnation has written over them',
};

if (SEED === undefined) {
  for (const [seed, what] of Object.entries(KNOWN)) test(what, () => runChaos(scheduleOf(Number(seed))));
  test(`${RUNS} campaigns in which things go wrong, from seed ${FROM}`, async () => {
    for (let seed = Number(FROM); seed < Number(FROM) + RUNS; seed++) await runChaos(scheduleOf(seed));
  });
} else {
  test(`seed ${SEED}`, async () => {
    const schedule = scheduleOf(Number(SEED));
    try {
      await runChaos(schedule);
    } catch {
      await runChaos(await shrunk(schedule));
    }
  });
}
