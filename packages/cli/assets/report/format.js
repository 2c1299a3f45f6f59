/* Numbers as people read them. */

export const NOTHING = '–';

/** Thousands apart. */
export const whole = (value) =>
  Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, '\u202f');

export const digits = (value) => (value >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString());

export const scaled = (value, unit) => {
  if (value >= 999.5e6) return `${digits(value / 1e9)} G${unit}`;
  if (value >= 999.5e3) return `${digits(value / 1e6)} M${unit}`;
  if (value >= 9999.5) return `${digits(value / 1e3)} k${unit}`;
  return `${digits(value)} ${unit}`.trim();
};

export const packets = (value) => scaled(value, 'pps');

/** Of milliseconds. */
export const time = (ms) => {
  if (ms < 0.9995) return `${Math.round(ms * 1000)} µs`;
  return ms < 999.5 ? `${digits(ms)} ms` : `${digits(ms / 1000)} s`;
};

export const percent = (ratio) => `${Number((100 * ratio).toPrecision(3))} %`;

/** A point in time, in seconds from the start. */
export const at = (seconds) => `${Number(seconds.toFixed(1))} s`;
