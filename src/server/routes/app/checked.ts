import type { Static, TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { ServiceError } from '#core/error';

/** `value` where it is as `schema` says, unchanged. @throws ServiceError INVALID_REQUEST, naming the place and not what is there */
export function checked<Schema extends TSchema>(schema: Schema, value: unknown): Static<Schema> {
  const problem = Value.Errors(schema, value).First();
  if (problem !== undefined)
    throw new ServiceError('INVALID_REQUEST', { detail: `${problem.path || '/'}: ${problem.message}.` });
  return value as Static<Schema>;
}
