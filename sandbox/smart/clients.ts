import type { ClientMetadata, JWKS } from 'oidc-provider';
import { appScopes, serviceScopes } from './scopes.ts';

/** Shown to everybody on purpose: it opens invented patients on this machine, and nothing else. */
export const sandboxSecret = 'for-the-sandbox-only-and-therefore-not-secret';

/**
 * The registered clients: Fovea's app in the three ways that an EHR may register it, and Fovea as a service.
 *
 * @param foveaBase without a trailing slash
 * @param keys public keys of Fovea in place of those at its address
 */
export function clientsOf(foveaBase: string, keys: JWKS | null): ClientMetadata[] {
  const ownKeys = keys === null ? { jwks_uri: `${foveaBase}/.well-known/jwks.json` } : { jwks: keys };
  const app: Omit<ClientMetadata, 'client_id'> = {
    application_type: 'web',
    redirect_uris: [`${foveaBase}/app/callback`],
    response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token'],
    scope: appScopes.join(' '),
    id_token_signed_response_alg: 'RS256',
  };
  return [
    { ...app, client_id: 'fovea-app', token_endpoint_auth_method: 'private_key_jwt', ...ownKeys },
    { ...app, client_id: 'fovea-app-public', token_endpoint_auth_method: 'none' },
    {
      ...app,
      client_id: 'fovea-app-secret',
      token_endpoint_auth_method: 'client_secret_basic',
      client_secret: sandboxSecret,
    },
    {
      client_id: 'fovea-backend',
      redirect_uris: [],
      response_types: [],
      grant_types: ['client_credentials'],
      scope: serviceScopes.join(' '),
      token_endpoint_auth_method: 'private_key_jwt',
      ...ownKeys,
    },
  ];
}

/** What the EHR calls its clients on its pages. */
export function clientNameOf(clientId: string): string {
  return clientId.startsWith('fovea-') ? 'Fovea' : clientId;
}
