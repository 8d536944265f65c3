import { asServiceError, ServiceError } from '#core/error';

/** Exit codes of `fovea`. */
export const exitCodes = { fine: 0, failed: 1, usage: 2 } as const;

/**
 * Characters that would steer a terminal (C0, DEL, C1, reversed writing), as `\\uXXXX`. Values of images and names of
 * files are written by others. The escape is JSON's own: within a JSON string it is still the same character.
 */
function visible(text: string, steering: RegExp): string {
  return text.replace(steering, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const steersInLine = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;
const steersInText = /(?!\n)[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Lets the process outlive output that cannot be written (a full disk, a reader that left): without it, the first such
 * line would end a service. Once, at the start.
 */
export function outliveLostOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

/**
 * Writes results to standard output. Control characters but the line feed are shown, not sent. Results that cannot be
 * written are said to be missing, and the exit code is 1.
 */
export function print(text: string): void {
  process.stdout.write(`${visible(text, steersInText)}\n`, (error) => {
    if (!error) return;
    say('fovea: standard output cannot be written: results are missing.');
    process.once('exit', () => {
      process.exitCode ||= exitCodes.failed;
    });
  });
}

/** Writes to standard output that a service is ready. It serves as well where nobody can read that. */
export function announce(text: string): void {
  process.stdout.write(`${visible(text, steersInText)}\n`);
}

/** Writes to standard error: progress and remarks. Control characters but the line feed are shown, not sent. */
export function say(text: string): void {
  process.stderr.write(`${visible(text, steersInText)}\n`);
}

/** Progress of a long list on standard error: one line that is overwritten on a terminal, else a line each tenth part. */
export function createProgress(total: number, what: string): (done: number) => void {
  const terminal = process.stderr.isTTY === true;
  const started = performance.now();
  const step = Math.max(1, Math.ceil(total / 10));
  return (done) => {
    if (total < 2) return;
    const rest =
      done === 0
        ? ''
        : `, ${Math.ceil((((performance.now() - started) / done) * (total - done)) / 1000)} s left`;
    const line = `${what} ${done} of ${total}${done === total ? '' : rest}`;
    if (terminal) process.stderr.write(`\r\u001b[K${line}${done === total ? '\n' : ''}`);
    else if (done % step === 0 || done === total) say(line);
  };
}

/** A table with aligned columns, for people. Each row is one line: control characters in a cell are shown. */
export function table(header: readonly string[], content: readonly (readonly string[])[]): string {
  const rows = content.map((row) => row.map((cell) => visible(cell, steersInLine)));
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column] as number)))
      .join('  ')
      .trimEnd();
  return [line(header), ...rows.map(line)].join('\n');
}

/** Says what went wrong and what would help, and gives the exit code. Never a stack. */
export function fail(error: unknown): number {
  const coded = asServiceError(error);
  say(`fovea: ${coded.code}: ${coded.message}`);
  say(`       ${coded.help}`);
  if (coded.code === 'INTERNAL' && error instanceof Error) say(`       ${error.name}: ${error.message}`);
  return error instanceof ServiceError && error.code === 'USAGE' ? exitCodes.usage : exitCodes.failed;
}
