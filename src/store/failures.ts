import { ServiceError } from '#core/error';

/** Seconds that callers are asked to wait. */
const retryUnavailable = 2;
const retryFull = 30;

/** Node.js codes and SQLSTATEs (PostgreSQL appendix A) that mean: there is no room. */
const fullCodes = new Set(['ENOSPC', 'EFBIG', 'EDQUOT', '53100']);

const unavailableCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  '40001', // serialization_failure: the same call again would succeed
  '40P01', // deadlock_detected: likewise
  '25006', // read_only_sql_transaction: connected to a standby during a failover
  '53200', // out_of_memory
  '53300', // too_many_connections
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
]);

/**
 * A database that answers and refuses, with what to put right, for whoever runs this Fovea: patterns over code (Node.js,
 * SQLSTATE) and message.
 */
const refusals: readonly (readonly [RegExp, string])[] = [
  [/^(28000|28P01) |^ SASL: /, 'It refuses the user that DATABASE_URL names, or its password.'],
  [/^3D000 /, 'The database that DATABASE_URL names does not exist on its server.'],
  [
    /^42501 /,
    'The user that DATABASE_URL names lacks a right: it must own the tables of Fovea, or have CREATE on its schema where there are none yet.',
  ],
  [/^ The server does not support SSL connections/, 'DATABASE_URL asks for TLS, which the server has not.'],
  [
    /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|CERT_HAS_EXPIRED|ERR_TLS_CERT_ALTNAME_INVALID) /,
    'The certificate of its server cannot be verified.',
  ],
];

/** What was to be stored has no form in a database: a time or a character that does not exist. */
const unstorableCodes = new Set([
  '22003', // numeric_value_out_of_range
  '22007', // invalid_datetime_format
  '22008', // datetime_field_overflow
  '22009', // invalid_time_zone_displacement_value
  '22021', // character_not_in_repertoire
  '22P02', // invalid_text_representation
  '22P05', // untranslatable_character
]);

/** What `pg` says when a connection is lost, without a code. */
const unavailableMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Query read timeout|Cannot use a pool after calling end)/;

const fullMessages = /No space left on device|File too large|Disk quota exceeded|could not extend file/;

/**
 * A failure of the database itself as {@link ServiceError} (STORE_FULL, STORE_UNAVAILABLE, both with `retryAfter`), and
 * INVALID_REQUEST for a value that no database holds; every other error (a broken constraint, say) as it came.
 */
export function storeFailure(error: unknown): unknown {
  if (error instanceof ServiceError || !(error instanceof Error)) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (fullCodes.has(code) || fullMessages.test(error.message)) return storeFull(error);
  if (unavailableCodes.has(code) || code.startsWith('08') || unavailableMessages.test(error.message))
    return storeUnavailable(error);
  const refusal = refusals.find(([pattern]) => pattern.test(`${code} ${error.message}`));
  if (refusal !== undefined) return storeUnavailable(error, refusal[1]);
  if (unstorableCodes.has(code))
    return new ServiceError('INVALID_REQUEST', {
      detail: 'A value cannot be stored: a time, a number or a character that does not exist.',
      cause: error,
    });
  return error;
}

/** Whether a unique index refused a row (SQLSTATE 23505, unique_violation). */
export function isDuplicate(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '23505';
}

function storeFull(cause: Error): ServiceError {
  return new ServiceError('STORE_FULL', { retryAfter: retryFull, cause });
}

export function storeUnavailable(cause?: unknown, detail?: string): ServiceError {
  return new ServiceError('STORE_UNAVAILABLE', {
    retryAfter: retryUnavailable,
    ...(detail !== undefined && { detail }),
    ...(cause !== undefined && { cause }),
  });
}
