import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

/** Signs client JWTs as an EHR does. @see CDS Hooks 2.0 §Trusting CDS Clients */
export interface TokenSigner {
  readonly issuer: string;
  /** The public keys, as in a JWK Set. */
  readonly jwks: { readonly keys: readonly object[] };
  /** ES384 tokens for `audience`, each with a `jti` of its own, good for 50 minutes. */
  sign(audience: string, count: number): Promise<string[]>;
}

const lifetimeSeconds = 3000;

export async function createTokenSigner(): Promise<TokenSigner> {
  const issuer = 'https://ehr.bench.example';
  const { publicKey, privateKey } = await generateKeyPair('ES384', { extractable: true });
  const kid = randomUUID();
  return {
    issuer,
    jwks: { keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'ES384', use: 'sig' }] },
    sign(audience, count) {
      const now = Math.floor(Date.now() / 1000);
      const one = () =>
        new SignJWT()
          .setProtectedHeader({ alg: 'ES384', typ: 'JWT', kid })
          .setIssuer(issuer)
          .setAudience(audience)
          .setIssuedAt(now)
          .setExpirationTime(now + lifetimeSeconds)
          .setJti(randomUUID())
          .sign(privateKey);
      return Promise.all(Array.from({ length: count }, one));
    },
  };
}
