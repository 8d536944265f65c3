import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import type { SmartSigningKey } from './smart-keys.ts';

/** Seconds from `iat` to `exp`; SMART allows 300. */
const lifetimeSeconds = 240;

/**
 * The JWT by which a client proves who it is at a token endpoint, for the app and for Backend Services alike. It may
 * be used once. No `jku`: the EHR has the address of the keys from the registration.
 *
 * @param tokenEndpoint absolute URL, the `aud`
 * @see SMART App Launch 2.2 §Client Authentication: Asymmetric, RFC 7523 §3
 */
export function clientAssertion(
  clientId: string,
  tokenEndpoint: string,
  { algorithm, kid, privateKey }: SmartSigningKey,
): Promise<string> {
  const issued = Math.floor(Date.now() / 1000);
  return new SignJWT()
    .setProtectedHeader({ alg: algorithm, kid, typ: 'JWT' })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(tokenEndpoint)
    .setIssuedAt(issued)
    .setExpirationTime(issued + lifetimeSeconds)
    .setJti(randomUUID())
    .sign(privateKey);
}

/** `client_assertion_type` of {@link clientAssertion}. */
export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
