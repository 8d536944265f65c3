import path from 'node:path';
import { createAppLaunches } from '#assessment/app/launches';
import { type AppParts, createAppTools } from '#assessment/app/tools';
import type { AssessmentParts } from '#assessment/patient-assessments';
import { createSmartClient } from '#auth/smart-client';
import { makeSmartKeys, readSmartKeys } from '#auth/smart-keys';
import { type Config, installFolder } from '#config';
import type { Log } from '#core/log';
import type { OutboundFetch } from '#core/outbound';
import type { Tenant } from '#core/tenant';
import type { SmartAppOptions } from '#server/routes/app/options';
import { createAnswers } from '#store/answers';
import { createLaunchStore } from '#store/app-launches';
import type { Database } from '#store/database';

export interface AppComposition {
  readonly config: Config;
  readonly sandbox: boolean;
  readonly database: Database;
  readonly outbound: OutboundFetch;
  readonly parts: AssessmentParts;
  /** Public address of this Fovea; asked at each call. */
  readonly base: () => string;
  readonly log: Log;
}

/** Puts the SMART app together; null where no tenant has registered it. @throws ServiceError CONFIG_INVALID */
export async function composeApp({
  config,
  sandbox,
  database,
  outbound,
  parts,
  base,
  log,
}: AppComposition): Promise<Omit<SmartAppOptions, 'log'> | null> {
  const { tenants } = config;
  const registrations = tenants.flatMap(({ smart }) => smart);
  if (registrations.length === 0) return null;
  const client = createSmartClient({ tenants, outbound, keys: await keysOf(config, sandbox) });
  const appParts: AppParts = {
    ...parts,
    outbound,
    answers: createAnswers(database),
    log,
    fetchTimeoutMs: config.fetchTimeoutMs,
    sandboxTenant: tenants.find((tenant) => tenant.anonymous)?.id ?? null,
  };
  return {
    launches: createAppLaunches({
      client,
      store: createLaunchStore(database),
      tenants,
      redirectUri: () => `${base()}/app/callback`,
      log,
      now: parts.now,
    }),
    tools: createAppTools(appParts),
    jwks: client.jwks,
    registrations,
    base,
    folder: path.join(installFolder(), 'dist', 'smart-app'),
  };
}

/**
 * How a card opens the app at an assessment; null where the EHR of the call has not registered it. What the context
 * names is looked up anew at the launch, with the access of whoever launches.
 *
 * @param base public address of this Fovea
 */
export function appLink(
  base: string,
  tenant: Tenant,
  fhirServer: string | null,
  assessment: string,
): { readonly url: string; readonly appContext: string } | null {
  const isRegistered = tenant.smart.some(({ iss }) => iss === fhirServer?.replace(/\/+$/, ''));
  return isRegistered ? { url: `${base}/app/launch`, appContext: JSON.stringify({ assessment }) } : null;
}

/** Without a file the sandbox makes keys for as long as it runs: its own EHR asks for them anew. */
async function keysOf({ smartKeysFile }: Config, sandbox: boolean) {
  if (smartKeysFile !== null) return readSmartKeys(smartKeysFile);
  return sandbox ? makeSmartKeys() : null;
}
