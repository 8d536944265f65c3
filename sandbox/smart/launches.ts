import { randomBytes } from 'node:crypto';
import type { LaunchContext } from './context.ts';

/** The `launch` values of EHR launches: opaque, good once, for five minutes. @see SMART App Launch 2.2 §EHR Launch */
export interface Launches {
  readonly lifetimeSeconds: number;
  issue(context: LaunchContext): string;
  /** The context behind a value, which is worth nothing afterwards; null: unknown, used or expired. */
  take(launch: string): LaunchContext | null;
}

const lifetimeSeconds = 300;

export function createLaunches(now: () => number = Date.now): Launches {
  const open = new Map<string, { readonly context: LaunchContext; readonly expires: number }>();
  return {
    lifetimeSeconds,
    issue(context) {
      for (const [launch, { expires }] of open) if (expires <= now()) open.delete(launch);
      const launch = randomBytes(24).toString('base64url');
      open.set(launch, { context, expires: now() + lifetimeSeconds * 1000 });
      return launch;
    },
    take(launch) {
      const found = open.get(launch);
      open.delete(launch);
      return found !== undefined && found.expires > now() ? found.context : null;
    },
  };
}
