import { ClientError, ResponseBodyError } from 'openid-client';
import { ServiceError } from '#core/error';

/** What the codes of OAuth mean for a launch. An EHR's own text is never repeated. @see RFC 6749 §4.1.2.1, §5.2 */
const refusals: Readonly<Record<string, string>> = {
  access_denied: 'The user or the EHR said no.',
  consent_required: 'The user has not consented.',
  interaction_required: 'The user has to sign in first.',
  invalid_client: 'It does not accept the client or its proof.',
  invalid_grant: 'The authorization code has expired or was used before.',
  invalid_request: 'It does not accept the form of the request.',
  invalid_scope: 'It does not grant the scopes.',
  login_required: 'The user has to sign in first.',
  server_error: 'Its authorization server failed.',
  temporarily_unavailable: 'Its authorization server is not available now.',
  unauthorized_client: 'The client may not sign in this way.',
  unsupported_response_type: 'It does not give authorization codes.',
};

/** @param error code of OAuth, as the EHR wrote it */
export function refused(error: string): ServiceError {
  const detail = Object.hasOwn(refusals, error) ? refusals[error] : undefined;
  return new ServiceError('SMART_LAUNCH_REFUSED', detail === undefined ? {} : { detail });
}

/** The code of OAuth with which a token endpoint refused; null for any other failure. */
export function oauthError(error: unknown): string | null {
  return error instanceof ResponseBodyError ? error.error : null;
}

/**
 * A failure of openid-client as one of ours: SMART_LAUNCH_REFUSED, SMART_SERVER_INVALID (no answer of a token
 * endpoint), SMART_TOKEN_INVALID (an id_token that does not hold), or what the outbound policy threw. The cause is left
 * out: it holds tokens.
 */
export function smartFailure(error: unknown): ServiceError {
  const own = chain(error).find((one) => one instanceof ServiceError);
  if (own !== undefined) return own as ServiceError;
  const code = oauthError(error);
  if (code !== null) return refused(code);
  // Whatever else is thrown is a fault here, for instance a key that cannot sign.
  if (!(error instanceof ClientError)) return new ServiceError('INTERNAL', { cause: error });
  const about = facts(error);
  if (error.code === 'OAUTH_RESPONSE_IS_NOT_CONFORM' || error.code === 'OAUTH_RESPONSE_IS_NOT_JSON')
    return new ServiceError('SMART_SERVER_INVALID', { detail: 'Its answer has not the form of OAuth.' });
  if ('body' in about)
    return new ServiceError('SMART_SERVER_INVALID', { detail: 'Its answer lacks what a token answer has.' });
  return new ServiceError('SMART_TOKEN_INVALID', { detail: tokenProblem(error.code, about['claim']) });
}

function tokenProblem(code: string | undefined, claim: unknown): string {
  if (
    code === 'OAUTH_JWT_CLAIM_COMPARISON_FAILED' &&
    typeof claim === 'string' &&
    /^[a-z]{1,10}$/.test(claim)
  )
    return `Its id_token has another ${claim} than it must have.`;
  if (code === 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED') return 'Its id_token has expired or is not valid yet.';
  if (code === 'OAUTH_KEY_SELECTION_FAILED') return 'Its keys do not have the one that signed its id_token.';
  return 'Form or signature of its id_token is wrong.';
}

function chain(error: unknown): readonly unknown[] {
  const found: unknown[] = [];
  for (let one = error; one instanceof Error && found.length < 8; one = one.cause) found.push(one);
  return found;
}

/** What the library notes beside its own error, members of the innermost cause that is no error. */
function facts(error: ClientError): Readonly<Record<string, unknown>> {
  const innermost = (chain(error).at(-1) as Error).cause;
  return typeof innermost === 'object' && innermost !== null ? (innermost as Record<string, unknown>) : {};
}
