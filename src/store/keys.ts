import { createHash } from 'node:crypto';

/** What makes a job or an assessment one: this model version on this content of this study of this tenant. @see DESIGN §4 Job */
export interface JobKey {
  readonly tenant: string;
  readonly studyInstanceUid: string;
  /** Digest of the sorted SOP Instance UIDs and of the identity they are held against, hexadecimal. */
  readonly contentDigest: string;
  readonly model: { readonly name: string; readonly version: string };
}

/**
 * Name of a study of a tenant in indexes: 32 hexadecimal digits of a SHA-256 over tenant and Study Instance UID. Not a
 * pseudonym (whoever knows the UID can compute it), so it stays in the store as the UID does.
 */
export function studyHash(tenant: string, studyInstanceUid: string): string {
  return digest([tenant, studyInstanceUid]).slice(0, 32);
}

/**
 * The id of the one job of `key`: the same in every process, so a token can be held for a job before it is enqueued.
 * A UUID of version 8 (RFC 9562).
 */
export function jobIdOf({ tenant, studyInstanceUid, contentDigest, model }: JobKey): string {
  const hex = digest(['job', tenant, studyInstanceUid, contentDigest, model.name, model.version]);
  const variant = '89ab'[Number.parseInt(hex.charAt(16), 16) % 4];
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

/** Whether `text` is a UUID as PostgreSQL reads it (RFC 9562, any version). */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

/** Digest of a client token's identity; bounded however long its `jti` is. */
export function tokenHash(issuer: string, jti: string): string {
  return digest([issuer, jti]);
}

function digest(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
