import { asServiceError, ServiceError } from '#core/error';

/** Exit codes of `fovea`. */
export const exitCodes = { fine: 0, failed: 1, usage: 2 } as const;

/** Writes to standard output: results, and nothing else. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Writes to standard error: progress and remarks. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
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

/** A table with aligned columns, for people. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
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
