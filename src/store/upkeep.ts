import { asServiceError } from '#core/error';
import type { Log } from '#core/log';
import type { Database } from './database.ts';
import { maintain } from './maintain.ts';

/** When housekeeping runs. */
export interface UpkeepOptions {
  /** From the start to the first run, milliseconds, default 5 minutes: a service that is restarted daily has it too. */
  readonly firstMs?: number;
  /** From the end of one run to the next, milliseconds, default one day. */
  readonly everyMs?: number;
}

export interface Upkeep {
  /** No more runs; waits for the one under way. */
  stop(): Promise<void>;
}

/** Runs {@link maintain} some minutes after the start and then daily; a failed run is logged, and the next one comes. */
export function startUpkeep(
  database: Database,
  log: Log,
  { firstMs = 300_000, everyMs = 86_400_000 }: UpkeepOptions = {},
): Upkeep {
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  const run = async () => {
    await maintain(database).catch((error: unknown) =>
      log.warn({ event: 'upkeep-failed', code: asServiceError(error).code }),
    );
    if (!stopped) timer = after(everyMs);
  };
  const after = (milliseconds: number) =>
    setTimeout(() => {
      running = run();
    }, milliseconds).unref();
  let timer = after(firstMs);
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
