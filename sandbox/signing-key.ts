import { randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

/** The EHR's key for the JWT that it sends to CDS services. */
export interface SigningKey {
  /** Public keys only. @see RFC 7517 §5 */
  readonly jwks: { readonly keys: readonly JWK[] };
  /** A client JWT for exactly one address. @see CDS Hooks 2.0 §Trusting CDS Clients */
  sign(audience: string): Promise<string>;
}

const lifetimeSeconds = 300;

/** An ES384 key that lives as long as this process. @param jwksUrl `jku` of the tokens */
export async function createSigningKey(issuer: string, jwksUrl: string): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair('ES384');
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return {
    jwks: { keys: [{ ...jwk, kid, alg: 'ES384', use: 'sig' }] },
    sign: (audience) =>
      new SignJWT()
        .setProtectedHeader({ alg: 'ES384', typ: 'JWT', kid, jku: jwksUrl })
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime(`${lifetimeSeconds}s`)
        .setJti(randomUUID())
        .sign(privateKey),
  };
}
