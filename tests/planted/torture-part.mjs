/** A part of the torture that goes wrong in the way that its engine says: see ../torture.test.mjs. */
export const title = 'planted';
export const engines = ['none'];

/** @param {import('../../torture/lib/part.mjs').Part} part */
export async function run(part) {
  part.count('frames', 3);
  switch (part.engine) {
    case 'checks':
      part.equal(1, 2, 'one');
      part.equal(2, 2, 'two');
      break;
    case 'throws':
      throw new Error('as planted');
    case 'throws later':
      setImmediate(() => {
        throw new Error('as planted');
      });
      await new Promise((resolve) => setTimeout(resolve, 20));
      break;
    case 'rejects':
      void Promise.reject(new Error('as planted'));
      await new Promise((resolve) => setTimeout(resolve, 20));
      break;
    case 'is killed':
      process.kill(process.pid, 'SIGSEGV');
      await new Promise((resolve) => setTimeout(resolve, 1000));
      break;
    case 'never ends':
      await new Promise(() => {});
  }
}
