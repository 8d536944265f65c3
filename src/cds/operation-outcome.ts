import { type ErrorCode, ServiceError } from '#core/error';

/** @see http://hl7.org/fhir/R4/operationoutcome.html */
export interface OperationOutcome {
  readonly resourceType: 'OperationOutcome';
  readonly issue: readonly {
    readonly severity: 'error';
    readonly code: string;
    readonly details: {
      readonly coding: readonly { readonly system: string; readonly code: string }[];
      readonly text: string;
    };
    readonly diagnostics: string;
  }[];
}

/**
 * What a caller is told of a failure: its code, its text and what would help. Never its cause, never a stack.
 * @param codeSystem canonical URL of the CodeSystem that the codes are of: a code without one means nothing (FHIR R4
 * §Coding)
 */
export function operationOutcome(error: ServiceError, codeSystem: string): OperationOutcome {
  // A caller that is not known learns nothing of why.
  const text = error.status === 401 ? new ServiceError(error.code).message : error.message;
  return {
    resourceType: 'OperationOutcome',
    issue: [
      {
        severity: 'error',
        code: error.issue,
        details: { coding: [{ system: codeSystem, code: error.code }], text },
        diagnostics: error.help,
      },
    ],
  };
}

/** A failure as HTTP answer. */
export interface ErrorReply {
  readonly code: ErrorCode;
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: OperationOutcome;
}

/** Seconds for `Retry-After` where a 503 names none. */
const defaultRetrySeconds = 5;

/**
 * Any error, ours or of the HTTP framework, as answer. What is not known becomes INTERNAL and tells nothing.
 * @param codeSystem as in {@link operationOutcome}
 */
export function toErrorReply(error: unknown, codeSystem: string): ErrorReply {
  const coded = error instanceof ServiceError ? error : fromFramework(error);
  const retryAfter = coded.retryAfter ?? (coded.status === 503 ? defaultRetrySeconds : undefined);
  return {
    code: coded.code,
    status: coded.status,
    headers: {
      ...(retryAfter !== undefined && { 'retry-after': String(Math.max(0, Math.ceil(retryAfter))) }),
      ...(coded.status === 401 && { 'www-authenticate': 'Bearer' }),
    },
    body: operationOutcome(coded, codeSystem),
  };
}

/** Codes of Fastify's own errors. @see https://fastify.dev/docs/latest/Reference/Errors/ */
const frameworkCodes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_BAD_URL: 'INVALID_REQUEST',
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'MALFORMED_JSON',
  FST_ERR_CTP_EMPTY_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'INVALID_REQUEST',
  FST_ERR_CTP_INVALID_JSON_BODY: 'MALFORMED_JSON',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_NOT_FOUND: 'NOT_FOUND',
  FST_ERR_VALIDATION: 'INVALID_REQUEST',
};

function fromFramework(error: unknown): ServiceError {
  const { code, statusCode } = (typeof error === 'object' && error !== null ? error : {}) as {
    readonly code?: unknown;
    readonly statusCode?: unknown;
  };
  const known = typeof code === 'string' ? frameworkCodes[code] : undefined;
  if (known !== undefined) return new ServiceError(known, { cause: error });
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    // The JSON parser marks what it refuses with 400 and nothing else.
    if (error instanceof SyntaxError) return new ServiceError('MALFORMED_JSON', { cause: error });
    return new ServiceError('INVALID_REQUEST', { status: statusCode, cause: error });
  }
  return new ServiceError('INTERNAL', { cause: error });
}
