/** Numbers as people read them. */

/** '1.25 M', '980', '12.3 k'. */
export function scaled(value: number, unit = ''): string {
  const text = (number: number, prefix: string): string => {
    const digits = number >= 100 || (prefix === '' && Number.isInteger(number)) ? 0 : number >= 10 ? 1 : 2;
    return `${number.toFixed(digits)}${prefix === '' && unit === '' ? '' : ' '}${prefix}${unit}`;
  };
  if (value >= 999.5e6) return text(value / 1e9, 'G');
  if (value >= 999.5e3) return text(value / 1e6, 'M');
  if (value >= 9_999.5) return text(value / 1e3, 'k');
  return text(value, '');
}

/** Milliseconds as '12.3 ms', '450 µs', '1.20 s'. */
export function time(milliseconds: number): string {
  if (milliseconds < 0.9995) return `${Math.round(milliseconds * 1000)} µs`;
  if (milliseconds < 999.5) return `${milliseconds.toPrecision(3)} ms`;
  return `${(milliseconds / 1000).toPrecision(3)} s`;
}

/** A part of a whole as '0.012 %'. */
export function percent(ratio: number): string {
  return ratio === 0 ? '0 %' : `${Number((100 * ratio).toPrecision(3))} %`;
}

/** Whole numbers with spaces between thousands. */
export function whole(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** '1 frame', '2 000 frames'. */
export function counted(value: number, name: string): string {
  return `${whole(value)} ${name}${value === 1 ? '' : 's'}`;
}

/** Seconds as '0:07', '1:02:03'. */
export function clock(seconds: number): string {
  const total = Math.floor(seconds);
  const parts = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, i) => (i === 0 ? `${part}` : `${part}`.padStart(2, '0'))).join(':');
}

const BARS = '▁▂▃▄▅▆▇█';

/** The last `width` values as bars of a height; from 0 to the highest. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const highest = Math.max(...shown, 0);
  return shown
    .map((value) => BARS[highest === 0 ? 0 : Math.min(7, Math.floor((value / highest) * 7.999))])
    .join('');
}
