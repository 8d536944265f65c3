/** Text of records: it is shown as text, on one line, and cannot turn the writing of what stands beside it. */

/** Without controls, marks of direction, line separators and halves of characters. */
export function plainText(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

/** The same over several lines, as a comment or a report has. */
export function plainLines(text: string): string {
  return text
    .replace(/\r\n?|[\p{Zl}\p{Zp}]/gu, '\n')
    .split('\n')
    .map((line) => plainText(line))
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

/** The first `length` UTF-16 units at most, with an ellipsis where something is missing; never half a character. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  return `${text
    .slice(0, length - 1)
    .replace(/[\uD800-\uDBFF]$/, '')
    .trimEnd()}…`;
}

/** A text in parts between which it may break: words of more than 60 characters are parted, nothing else. */
export function unbroken(text: string): readonly string[] {
  return text.replace(/\S{60}(?=\S)/gu, '$&\u0000').split('\u0000');
}

export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Whether the calendar has the day that was asked for. */
export function isInRange(moment: Date, month: number, day: number): boolean {
  return moment.getUTCMonth() + 1 === month && moment.getUTCDate() === day;
}

/** Completed years from a FHIR date to today; null where the date does not tell the day. */
export function ageInYears(birthDate: string, today: Date): number | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})/.exec(birthDate);
  if (match === null) return null;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  const before =
    today.getMonth() + 1 < month || (today.getMonth() + 1 === month && today.getDate() < day) ? 1 : 0;
  const age = today.getFullYear() - year - before;
  return age >= 0 && age < 150 ? age : null;
}
