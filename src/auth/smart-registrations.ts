import { readFileSync } from 'node:fs';
import * as client from 'openid-client';
import { ServiceError } from '#core/error';
import type { AllowedOrigin, SmartRegistration, Tenant } from '#core/tenant';
import { findAllowed } from './outbound-hosts.ts';
import { assertionType, clientAssertion } from './smart-assertion.ts';
import type { SmartKeys } from './smart-keys.ts';

/** One registration, ready to be used. */
export interface Registration {
  readonly tenant: string;
  /** FHIR base without a trailing slash. */
  readonly iss: string;
  readonly clientId: string;
  readonly authenticate: client.ClientAuth;
  /** The FHIR server alone. */
  readonly fhirServer: AllowedOrigin;
  /** The authorization servers, and the FHIR server: some have their endpoints below it. */
  readonly allowed: readonly AllowedOrigin[];
}

export const withoutSlash = (url: string): string => url.replace(/\/+$/, '');

/**
 * The registrations of the tenants, by FHIR base.
 *
 * @throws ServiceError CONFIG_INVALID: two registrations of one FHIR base, one that is not on its tenant's
 * `fhirServers`, a secret that cannot be read, `private_key_jwt` without a key of its algorithm
 */
export function readRegistrations(
  tenants: readonly Tenant[],
  keys: SmartKeys | null,
): ReadonlyMap<string, Registration> {
  const found = new Map<string, Registration>();
  for (const tenant of tenants) {
    for (const smart of tenant.smart) {
      const wrong = (problem: string) =>
        new ServiceError('CONFIG_INVALID', { detail: `smart of tenant ${tenant.id}: ${problem}` });
      const iss = withoutSlash(smart.iss);
      if (found.has(iss))
        throw wrong('the same iss is registered twice; a launch could not tell them apart.');
      const server = findAllowed(iss, tenant.fhirServers);
      if (server === null) throw wrong('iss is not on fhirServers.');
      const fhirServer = { ...server.entry, base: iss };
      found.set(iss, {
        tenant: tenant.id,
        iss,
        clientId: smart.clientId,
        authenticate: authentication(smart, keys, wrong),
        fhirServer,
        allowed: [...smart.authorizationServers, fhirServer],
      });
    }
  }
  return found;
}

function authentication(
  { clientId, authentication }: SmartRegistration,
  keys: SmartKeys | null,
  wrong: (problem: string) => ServiceError,
): client.ClientAuth {
  switch (authentication.method) {
    case 'none':
      return client.None();
    case 'client_secret_basic':
      return client.ClientSecretBasic(readSecret(authentication.secretFile, wrong));
    case 'client_secret_post':
      return client.ClientSecretPost(readSecret(authentication.secretFile, wrong));
    case 'private_key_jwt': {
      const key = keys?.signing(authentication.algorithm) ?? null;
      if (key === null) throw wrong(`FOVEA_SMART_KEYS has no key for ${authentication.algorithm}.`);
      // openid-client waits for it, though its type says void.
      return async (server, _client, body) => {
        body.set('client_id', clientId);
        body.set('client_assertion_type', assertionType);
        body.set('client_assertion', await clientAssertion(clientId, String(server.token_endpoint), key));
      };
    }
  }
}

function readSecret(file: string, wrong: (problem: string) => ServiceError): string {
  let secret: string;
  try {
    secret = readFileSync(file, 'utf8').trim();
  } catch (_unreadable) {
    throw wrong('secretFile cannot be read.');
  }
  if (secret === '') throw wrong('secretFile is empty.');
  return secret;
}
