import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { ServiceError } from '#core/error';

/** Building blocks of the schemas of package files. */
export const strict = { additionalProperties: false } as const;
export const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
export const fileName = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' });
export const text = Type.String({ minLength: 1, maxLength: 4000 });
export const share = Type.Number({ minimum: 0, maximum: 1 });
export const count = Type.Integer({ minimum: 0 });
export const positiveCount = Type.Integer({ minimum: 1 });

/** MODEL_PACKAGE_INVALID with the file and the rule that it breaks. */
function invalid(file: string, rule: string): ServiceError {
  return new ServiceError('MODEL_PACKAGE_INVALID', { detail: `${file}: ${rule}` });
}

/** Throws {@link invalid} unless `holds`. */
export function mustHold(holds: boolean, file: string, rule: string): asserts holds {
  if (!holds) throw invalid(file, rule);
}

/** `value` as the schema's type; MODEL_PACKAGE_INVALID names the first place that does not fit. */
export function check<S extends TSchema>(schema: S, value: unknown, file: string): Static<S> {
  if (Value.Check(schema, value)) return value;
  const first = Value.Errors(schema, value).First();
  const place = first === undefined || first.path === '' ? 'the whole' : first.path;
  throw invalid(file, `${place}: ${first?.message ?? 'does not fit the schema'}`);
}

/** JSON of UTF-8 bytes; MODEL_PACKAGE_INVALID when it is none. */
export function parseJson(bytes: Uint8Array, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch (cause) {
    throw new ServiceError('MODEL_PACKAGE_INVALID', { detail: `${file}: not JSON in UTF-8`, cause });
  }
}
