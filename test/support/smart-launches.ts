import { createAppLaunches } from '#assessment/app/launches';
import { createOutboundFetch } from '#auth/outbound';
import { createSmartClient } from '#auth/smart-client';
import type { AppLaunches, AuthorizationRequest, SmartClient } from '#core/app-ports';
import type { LogFields } from '#core/log';
import type { SmartRegistration, Tenant } from '#core/tenant';
import { createLaunchStore } from '#store/app-launches';
import type { Database } from '#store/database';
import { redirectUri, type SmartEhr, startSmartEhr } from './smart-ehr.ts';
import { openPlace, type Place } from './store.ts';

/** Launches on a real database, signed in at a real authorization server, with a clock of the test's. */
export interface LaunchBench {
  readonly launches: AppLaunches;
  /** The real one; a test may put a fault into it that the EHR cannot be made to show. */
  readonly client: SmartClient;
  readonly tenant: Tenant;
  readonly registration: SmartRegistration;
  readonly database: Database;
  readonly ehr: SmartEhr;
  readonly logged: LogFields[];
  /** What the next sign-in is told of its context. */
  readonly context: Record<string, unknown>;
  /** Another process on the same database. */
  another(): AppLaunches;
  /** Lets time pass. */
  wait(seconds: number): void;
  now(): Date;
  /** The whole way of one launch. @returns its id */
  signIn(browser: string, patient?: string | null): Promise<string>;
  close(): Promise<void>;
}

/** How long the tokens of the EHR live, seconds. */
export const tokenSeconds = 3600;

export async function openLaunches(): Promise<LaunchBench> {
  const context: Record<string, unknown> = {};
  const place: Place = await openPlace('embedded');
  const database = await place.open();
  const ehr = await startSmartEhr({
    clients: [
      {
        client_id: 'fovea-app',
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      },
    ],
    context,
  });
  const listed = ehr.tenant('fovea-app', { method: 'none' });
  const registration = {
    ...(listed.smart[0] as SmartRegistration),
    frameAncestors: ['https://ehr.example'],
    idleSeconds: 7200,
  };
  const tenant = { ...listed, smart: [registration] };
  const clock = { skipped: 0 };
  const now = () => new Date(Date.now() + clock.skipped);
  const client = createSmartClient({
    tenants: [tenant],
    outbound: createOutboundFetch(),
    keys: null,
    now: () => now().getTime(),
  });
  const logged: LogFields[] = [];
  const log = (fields: LogFields) => void logged.push(fields);
  const another = () =>
    createAppLaunches({
      client,
      store: createLaunchStore(database),
      tenants: [tenant],
      redirectUri: () => redirectUri,
      log: { info: log, warn: log, error: log },
      now,
    });
  const launches = another();
  return {
    launches,
    client,
    tenant,
    registration,
    database,
    ehr,
    logged,
    context,
    another,
    now,
    wait(seconds) {
      clock.skipped += seconds * 1000;
    },
    async signIn(browser, patient = 'p1') {
      context['patient'] = patient ?? undefined;
      const authorize: AuthorizationRequest = await launches.begin({
        browser,
        iss: ehr.iss,
        launch: patient === null ? null : 'launch-1',
        context: patient === null ? 'worklist' : 'patient',
      });
      return launches.finish(browser, await ehr.signIn(authorize));
    },
    async close() {
      await ehr.close();
      await place.close();
    },
  };
}

/** The secret of a browser, told by a letter. */
export function browserNamed(letter: string): string {
  return letter.repeat(43);
}
