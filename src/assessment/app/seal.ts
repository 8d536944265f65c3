import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { ServiceError } from '#core/error';

/** Bytes of nonce and tag of AES-256-GCM. @see NIST SP 800-38D §5.2.1 */
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Seals what a launch keeps under a key that only its browser's secret gives.
 *
 * @param secret what the browser's cookie holds
 * @param launch id of the launch; sealed text of one launch opens at no other
 * @returns base64url of nonce, ciphertext and tag
 */
export function seal(secret: string, launch: string, value: unknown): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', keyOf(secret), nonce).setAAD(Buffer.from(launch));
  const text = [nonce, cipher.update(JSON.stringify(value), 'utf8'), cipher.final(), cipher.getAuthTag()];
  return Buffer.concat(text).toString('base64url');
}

/** @throws ServiceError SMART_SESSION_ENDED for what was sealed with another secret, for another launch, or changed */
export function unseal(secret: string, launch: string, sealed: string): unknown {
  const bytes = Buffer.from(sealed, 'base64url');
  try {
    const decipher = createDecipheriv('aes-256-gcm', keyOf(secret), bytes.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(Buffer.from(launch)).setAuthTag(bytes.subarray(-tagBytes));
    const text = [decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()];
    return JSON.parse(Buffer.concat(text).toString('utf8'));
  } catch (cause) {
    throw new ServiceError('SMART_SESSION_ENDED', { cause });
  }
}

/** Name of a secret in the database: SHA-256, hexadecimal. The secrets are random, so nobody finds one from its digest. */
export function secretHash(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** The secret has 32 random bytes, so that no salt is needed. @see RFC 5869 §3.1 */
function keyOf(secret: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', Buffer.from(secret, 'base64url'), '', 'fovea app launch', 32));
}
