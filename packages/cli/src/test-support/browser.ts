import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';

const PATH = '/usr/bin/chromium';

/** Why tests in a browser are skipped, or false. */
export const noBrowser: string | false = existsSync(PATH)
  ? false
  : `there is no ${PATH} (Debian's package chromium)`;

export interface Look {
  readonly colorScheme?: 'light' | 'dark';
  readonly width?: number;
}

/** A page of a report in a browser, and what went wrong in it. */
export interface OpenReport {
  readonly page: Page;
  /** Errors of the page, and whatever it has asked the network for. */
  readonly errors: readonly string[];
}

/** A headless Chromium for the tests of a file. */
export class ReportBrowser {
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'etherconn-'));
  #browser: Browser | undefined;
  #files = 0;

  async open(html: string, { colorScheme = 'light', width = 1100 }: Look = {}): Promise<OpenReport> {
    this.#browser ??= await chromium.launch({
      executablePath: PATH,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
      ],
    });
    const file = join(this.#folder, `${this.#files++}.html`);
    writeFileSync(file, html);
    const context = await this.#browser.newContext({ colorScheme, viewport: { width, height: 900 } });
    const page = await context.newPage();
    const errors: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    page.on('pageerror', (error) => errors.push(error.message));
    const url = pathToFileURL(file).href;
    page.on('request', (request) => {
      if (request.url() !== url && !request.url().startsWith('data:'))
        errors.push(`asks for ${request.url()}`);
    });
    await page.goto(url);
    return { page, errors };
  }

  async close(): Promise<void> {
    await this.#browser?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A plot of a page: its title, and for each line how many pixels have its colour and how it differs from the page. */
export interface SeenPlot {
  readonly title: string;
  readonly lines: readonly { readonly label: string; readonly pixels: number; readonly contrast: number }[];
}

/**
 * Reads the pixels of the plots. The contrast of a line's colour with the card behind it is that of WCAG: 1 is none, 3 is
 * enough for lines.
 */
export function seenPlots(page: Page): Promise<SeenPlot[]> {
  return page.evaluate<SeenPlot[]>(`(() => {
    const rgb = (colour) => /rgba?\\((\\d+), (\\d+), (\\d+)/.exec(colour).slice(1, 4).map(Number);
    const luminance = (colour) => {
      const [r, g, b] = colour.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    return [...document.querySelectorAll('.plot')].map((plot) => {
      const canvas = plot.querySelector('canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const behind = luminance(rgb(getComputedStyle(plot.closest('section')).backgroundColor));
      const lines = [...plot.querySelectorAll('.u-legend .u-series')].slice(1).map((series) => {
        const colour = rgb(getComputedStyle(series.querySelector('.u-marker')).borderColor);
        let pixels = 0;
        for (let i = 0; i < data.length; i += 4)
          if (data[i + 3] > 128 && colour.every((value, j) => Math.abs(data[i + j] - value) < 12)) pixels++;
        const [a, b] = [luminance(colour), behind].sort((x, y) => y - x);
        return { label: series.querySelector('.u-label').textContent, pixels, contrast: (a + 0.05) / (b + 0.05) };
      });
      return { title: plot.querySelector('h3').textContent, lines };
    });
  })()`);
}

/** That every plot has a line with data which can be told from what is behind it. */
export async function checkPlots(page: Page, titles: readonly string[]): Promise<void> {
  const plots = await seenPlots(page);
  assert.deepEqual(
    plots.map(({ title }) => title),
    titles,
  );
  for (const { title, lines } of plots) {
    assert.ok(lines.length > 0, title);
    // Lines that lie on each other hide the first of them.
    assert.ok(lines.at(-1)!.pixels > 60, `${title}: ${JSON.stringify(lines)}`);
    for (const { label, contrast } of lines) assert.ok(contrast >= 3, `${title}, ${label}: ${contrast}`);
  }
}

/** A table that sorts and filters, by the id of its section. */
export class SeenTable {
  readonly #page: Page;
  readonly #id: string;

  constructor(page: Page, id: string) {
    this.#page = page;
    this.#id = id;
  }

  /** The texts of a column, row by row. */
  async column(label: string): Promise<string[]> {
    const section = this.#page.locator(`#${this.#id}`);
    const labels = await section.locator('thead th').allInnerTexts();
    const at = labels.map((text) => text.replace(/ [↑↓]$/, '').trim()).indexOf(label);
    assert.notEqual(at, -1, `${label} is not in ${labels}`);
    return section.locator(`tbody tr td:nth-child(${at + 1})`).allInnerTexts();
  }

  press(label: string): Promise<void> {
    return this.#page.locator(`#${this.#id} thead button`).getByText(label, { exact: true }).click();
  }

  filter(text: string): Promise<void> {
    return this.#page.locator(`#${this.#id} input`).fill(text);
  }
}

/** Whether the page is wider than its window. */
export async function scrollsSideways(page: Page): Promise<boolean> {
  return await page.evaluate<boolean>(
    'document.documentElement.scrollWidth > document.documentElement.clientWidth',
  );
}

export function backgroundOf(page: Page): Promise<string> {
  return page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
}
