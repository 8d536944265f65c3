import { errorCodes } from 'fastify';
import { describe, expect, it } from 'vitest';
import { operationOutcome, toErrorReply } from '#cds/operation-outcome';
import { ServiceError } from '#core/error';

const system = 'https://cds.example/CodeSystem/reason';
const replyTo = (error: unknown) => toErrorReply(error, system);
const codeOf = (error: unknown) => replyTo(error).body.issue[0]?.details.coding[0]?.code;

describe('item 36 @14 @76 errors are OperationOutcomes', () => {
  it('with severity, type, code and its system, text and help, and nothing of the cause', () => {
    const error = new ServiceError('HOOK_MISMATCH', { detail: 'More.', cause: new Error('secret') });
    expect(operationOutcome(error, system)).toEqual({
      resourceType: 'OperationOutcome',
      issue: [
        {
          severity: 'error',
          code: 'value',
          details: {
            coding: [{ system, code: 'HOOK_MISMATCH' }],
            text: 'The service does not answer this hook. More.',
          },
          diagnostics: 'Read the discovery endpoint for the hooks of each service.',
        },
      ],
    });
  });

  it('item 46 401 tells nothing of why, and names the scheme', () => {
    const reply = replyTo(new ServiceError('CLIENT_UNAUTHENTICATED', { detail: 'aud is wrong' }));
    expect(reply.status).toBe(401);
    expect(reply.headers).toEqual({ 'www-authenticate': 'Bearer' });
    expect(reply.body.issue[0]?.details.text).toBe('The caller could not be authenticated.');
  });

  it.each([
    [undefined, '5'],
    [0, '0'],
    [1.2, '2'],
    [-3, '0'],
    [30, '30'],
  ])('503 with retryAfter %s says Retry-After: %s', (retryAfter, header) => {
    const error = new ServiceError('STORE_UNAVAILABLE', retryAfter === undefined ? {} : { retryAfter });
    expect(replyTo(error).headers).toEqual({ 'retry-after': header });
  });

  it('other statuses have no Retry-After unless the error names one', () => {
    expect(replyTo(new ServiceError('INTERNAL')).headers).toEqual({});
    expect(replyTo(new ServiceError('INTERNAL', { retryAfter: 1 })).headers).toEqual({
      'retry-after': '1',
    });
  });

  it.each([
    [new errorCodes.FST_ERR_BAD_URL('x'), 400, 'INVALID_REQUEST'],
    [new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE(), 413, 'BODY_TOO_LARGE'],
    [new errorCodes.FST_ERR_CTP_EMPTY_JSON_BODY(), 400, 'MALFORMED_JSON'],
    [new errorCodes.FST_ERR_CTP_EMPTY_TYPE(), 415, 'UNSUPPORTED_MEDIA_TYPE'],
    [new errorCodes.FST_ERR_CTP_INVALID_CONTENT_LENGTH(), 400, 'INVALID_REQUEST'],
    [new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE('x'), 415, 'UNSUPPORTED_MEDIA_TYPE'],
    [new errorCodes.FST_ERR_NOT_FOUND(), 404, 'NOT_FOUND'],
    [new errorCodes.FST_ERR_VALIDATION(), 400, 'INVALID_REQUEST'],
    [Object.assign(new Error(), { code: 'FST_ERR_CTP_INVALID_JSON_BODY' }), 400, 'MALFORMED_JSON'],
    [Object.assign(new SyntaxError('x'), { statusCode: 400 }), 400, 'MALFORMED_JSON'],
    [Object.assign(new Error('x'), { statusCode: 400 }), 400, 'INVALID_REQUEST'],
    [Object.assign(new Error('x'), { statusCode: 499 }), 499, 'INVALID_REQUEST'],
    [Object.assign(new Error('x'), { statusCode: 500 }), 500, 'INTERNAL'],
    [Object.assign(new Error('x'), { statusCode: 399 }), 500, 'INTERNAL'],
    [Object.assign(new Error('x'), { statusCode: '404' }), 500, 'INTERNAL'],
    [Object.assign(new Error('x'), { code: 7 }), 500, 'INTERNAL'],
    [new SyntaxError('x'), 500, 'INTERNAL'],
    ['text', 500, 'INTERNAL'],
    [null, 500, 'INTERNAL'],
    [undefined, 500, 'INTERNAL'],
  ])('%s of the framework becomes %i %s, without its message', (error, status, code) => {
    const reply = replyTo(error);
    expect([reply.status, codeOf(error)]).toEqual([status, code]);
    expect(reply.body.issue[0]?.details.text).toBe(new ServiceError(code as 'INTERNAL').message);
    expect(JSON.stringify(reply.body)).not.toMatch(/stack|\.ts:/);
  });
});
