/**
 * `value` as JSON that PostgreSQL can take apart: half a surrogate pair and NUL, which no text of a database holds,
 * become U+FFFD. Programs that cut a text at a number of UTF-16 units leave such halves.
 */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'string' ? part.replace(/\p{Surrogate}/gu, '\ufffd').replaceAll('\0', '\ufffd') : part,
  );
}
