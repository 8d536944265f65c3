import { writeSync } from 'node:fs';
import { pino } from 'pino';
import type { Log, LogFields } from '#core/log';

/**
 * Structured log on standard error, one JSON object a line. Only the closed list of {@link LogFields} goes through:
 * everything else (ids, names, tokens, foreign messages) has no field to stand in.
 *
 * @param level `debug` to `silent`
 */
export function createLog(level: string): Log {
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, standardError());
  return {
    info: (fields) => logger.info(only(fields)),
    warn: (fields) => logger.warn(only(fields)),
    error: (fields) => logger.error(only(fields)),
  };
}

/**
 * Standard error, one write a line. A line that cannot be written (a full disk, a pipe that nobody reads) is dropped, and
 * the next that can be is told how many: pino's own destination waits for room with the whole process.
 *
 * @param descriptor gives the file descriptor
 */
export function standardError(descriptor: () => number = () => 2): { write(line: string): void } {
  let dropped = 0;
  return {
    write(line) {
      try {
        if (dropped > 0)
          writeSync(descriptor(), `{"level":40,"event":"log-lines-dropped","count":${dropped}}\n`);
        dropped = 0;
        writeSync(descriptor(), line);
      } catch {
        dropped += 1;
      }
    },
  };
}

const names: { readonly [Name in keyof Required<LogFields>]: true } = {
  event: true,
  tenant: true,
  service: true,
  hook: true,
  route: true,
  method: true,
  status: true,
  code: true,
  model: true,
  version: true,
  provider: true,
  variant: true,
  job: true,
  attempt: true,
  count: true,
  bytes: true,
  milliseconds: true,
  host: true,
  port: true,
  pid: true,
  state: true,
  stack: true,
};

function only(fields: LogFields): Partial<LogFields> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => Object.hasOwn(names, name)));
}

/** The stack of an error of ours without its message, which may quote foreign data. */
export function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  // The message goes first, so that a line of it is not taken for a frame.
  const stack = (error.stack ?? '').replace(error.message, '');
  const frames = stack.split('\n').filter((line) => /^ +at .*:\d+\)?$/.test(line));
  return [error.name, ...frames.slice(0, 8).map((line) => line.trim())].join(' | ');
}
