const ESCAPE = String.fromCharCode(27);
/** What a terminal reads: an escape sequence, an end of a line, text. */
const PIECES = new RegExp(`${ESCAPE}\\[[?\\d;]*[A-Za-z]|\\n|\\r|[^${ESCAPE}\\n\\r]+`, 'g');
const UP = new RegExp(`^${ESCAPE}\\[(\\d+)A$`);
/** Of a terminal of its own: lines end with both. */
const LINE = /\r\n/g;

/** A terminal that keeps what is on its screen and above it. */
export class Screen {
  readonly isTTY: boolean = true;
  columns: number;
  rows: number;
  /** What has been on the screen and has not been overwritten. */
  lines: string[] = [''];
  text: string = '';
  #onResize: () => void = () => {};

  constructor(columns: number, rows: number = 50) {
    this.columns = columns;
    this.rows = rows;
  }

  on(_event: 'resize', listener: () => void): void {
    this.#onResize = listener;
  }

  off(): void {
    this.#onResize = () => {};
  }

  /** As a terminal does: lines that are too long now are wrapped. */
  resize(columns: number, rows: number = this.rows): void {
    this.columns = columns;
    this.rows = rows;
    const fitting = new RegExp(`.{1,${columns}}`, 'g');
    this.lines = this.lines.flatMap((line) => line.match(fitting) ?? ['']);
    this.#onResize();
  }

  write(text: string): void {
    this.text += text;
    for (const [piece] of text.replace(LINE, '\n').matchAll(PIECES)) {
      const up = UP.exec(piece);
      // Whoever goes up clears what is below, too. Nobody goes up beyond the screen.
      if (up !== null) {
        const by = Math.min(Number(up[1]), this.rows - 1);
        this.lines = [...this.lines.slice(0, Math.max(0, this.lines.length - 1 - by)), ''];
      } else if (piece === '\n') this.lines.push('');
      else if (!piece.startsWith(ESCAPE) && piece !== '\r') {
        let line = this.lines.pop()! + piece;
        for (; line.length > this.columns; line = line.slice(this.columns))
          this.lines.push(line.slice(0, this.columns));
        this.lines.push(line);
      }
    }
  }
}
