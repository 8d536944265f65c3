import type { BareRoute } from '../children/bare-route.ts';
import { startChild } from './children.ts';

/** A running bare route. */
export interface RunningRoute {
  readonly url: string;
  readonly pid: number;
  /** The longest turn of its event loop since this was last asked, milliseconds. */
  stall(): Promise<number>;
  stop(): Promise<void>;
}

export async function startRoute(route: BareRoute): Promise<RunningRoute> {
  const { child, ready } = await startChild<{ readonly url: string }>('bare-route', route);
  return {
    url: ready.url,
    pid: child.pid,
    stall: async () => (await child.ask<{ readonly stallMs: number }>('stall')).stallMs,
    stop: child.stop,
  };
}
