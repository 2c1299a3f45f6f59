/**
 * What every bench is given.
 * @typedef {{ repetitions: number, quick: boolean, cores: { a: number, b: number } }} Context
 */
export {};
