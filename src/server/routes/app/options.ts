import type { AppLaunches, AppTools, SmartClient } from '#core/app-ports';
import type { Log } from '#core/log';
import type { SmartRegistration } from '#core/tenant';

/** What the SMART app's routes are made of. */
export interface SmartAppOptions {
  readonly launches: AppLaunches;
  readonly tools: AppTools;
  readonly jwks: SmartClient['jwks'];
  /** Of all tenants. */
  readonly registrations: readonly SmartRegistration[];
  /** Public address of this Fovea without a trailing slash; asked at each call. */
  readonly base: () => string;
  /** Where the built app is: `index.html` and `assets`. */
  readonly folder: string;
  readonly log: Log;
  /** Between two comment lines of an event stream, milliseconds. Default 15,000. */
  readonly heartbeatMs?: number;
}
