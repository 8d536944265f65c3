/** Reading of JSON whose shape nobody has checked: a member, or nothing. */

export type Json = Readonly<Record<string, unknown>>;

export function asObject(value: unknown): Json | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
}

/** A string that is not empty. */
export function asText(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** A whole number of 0 or more. */
export function asCount(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** The objects of a list; a single object counts as a list of one. */
export function asObjects(value: unknown): readonly Json[] {
  const list = Array.isArray(value) ? value : [value];
  return list.map(asObject).filter((entry) => entry !== null);
}
