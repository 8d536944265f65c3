/** A JSON object of which nothing is known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Half of a surrogate pair: no character of Unicode, and nothing that UTF-8 can write. */
const loneSurrogate = /\p{Surrogate}/u;

/** A string with at least one character that is not white space, and without what databases refuse: NUL, half a surrogate pair. */
export function isText(value: unknown, longest = Number.POSITIVE_INFINITY): value is string {
  return (
    typeof value === 'string' &&
    value.trim() !== '' &&
    value.length <= longest &&
    !value.includes('\u0000') &&
    !loneSurrogate.test(value)
  );
}

/** `text` with U+FFFD for each half of a surrogate pair, as a client leaves it that cuts a text in the middle of a character. */
export function wellFormed(text: string): string {
  return text.replaceAll(new RegExp(loneSurrogate, 'gu'), '\ufffd');
}

/** A FHIR resource: an object with a `resourceType`. */
export function isResource(value: unknown): value is JsonObject & { readonly resourceType: string } {
  return isObject(value) && typeof value['resourceType'] === 'string' && value['resourceType'] !== '';
}

/**
 * FHIR R4 id, 1 to 64 of `A-Z a-z 0-9 - .`. Stricter than FHIR in one point: `.` and `..` are refused, because they
 * are path segments of a URL and not a name in it.
 * @see http://hl7.org/fhir/R4/datatypes.html#id
 */
export function isFhirId(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9.-]{1,64}$/.test(value) && value !== '.' && value !== '..';
}

/** `Type/id`. */
export function isReference(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  const [type, id, ...rest] = value.split('/');
  return rest.length === 0 && /^[A-Z][A-Za-z]{1,63}$/.test(type ?? '') && isFhirId(id);
}

/** A UUID in its textual form, either case. @see RFC 9562 §4 */
export function isUuid(value: unknown): value is string {
  return (
    typeof value === 'string' && /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(value)
  );
}

/** The URL when `value` is an absolute http or https URL without white space, control characters or credentials, else null. */
export function webUrl(value: unknown): URL | null {
  if (typeof value !== 'string' || /[\s\p{Cc}\\]/u.test(value) || !/^https?:\/\/[^/]/i.test(value))
    return null;
  if (!URL.canParse(value)) return null;
  const url = new URL(value);
  return url.username !== '' || url.password !== '' ? null : url;
}
