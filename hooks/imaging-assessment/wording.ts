import { isCalendarDay } from '#cds/calendar';

/** How text, dates and views are said on a card; numbers are in `#core/shares`. */

/** Text of a record for a place that is not Markdown: one line, without controls, halves of characters and angle brackets. */
export function plainText(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}<>]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

/** The first `length` UTF-16 units at most, never half a character. */
export function cut(text: string, length: number): string {
  return text
    .slice(0, length)
    .replace(/[\uD800-\uDBFF]$/, '')
    .trimEnd();
}

export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/**
 * A FHIR dateTime as `3 Nov 2026`: the calendar date as it was written, whatever the time zone. null: the calendar has
 * no such date.
 */
export function plainDate(dateTime: string | null): string | null {
  const match = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?/.exec(dateTime ?? '');
  if (match === null) return 'date not stated';
  const [, year, month, day] = match;
  if (month === undefined) return year as string;
  const name = months[Number(month) - 1];
  if (name === undefined) return null;
  if (day === undefined) return `${name} ${year}`;
  return isCalendarDay(Number(year), Number(month), Number(day)) ? `${Number(day)} ${name} ${year}` : null;
}

const views: Readonly<Record<string, string>> = {
  AP: 'AP, front to back',
  PA: 'PA, back to front',
  FRONTAL: 'frontal',
  LL: 'lateral',
  RL: 'lateral',
  LATERAL: 'lateral',
};

/** The projection that the header states, in words; null: it states none, and nothing checks it. */
export function viewInWords(view: string | null): string {
  if (view === null) return 'projection not stated and not checked';
  return views[view] ?? 'another projection';
}

/** A duration as `about 2 s` or `about 3 min`. */
export function seconds(value: number): string {
  if (value < 1) return 'less than a second';
  if (value < 90) return `about ${Math.round(value)} s`;
  return `about ${Math.round(value / 60)} min`;
}

/** When a job was accepted: `14:03 UTC (20 s ago)`. */
export function since(accepted: Date, now: Date): string {
  const ago = Math.max(0, (now.getTime() - accepted.getTime()) / 1000);
  const clock = accepted.toISOString().slice(11, 16);
  return `${clock} UTC (${ago < 1 ? 'just now' : `${seconds(ago).replace('about ', '')} ago`})`;
}
