/** How numbers, dates and views are said on a card. Two decimals at most ever leave: percent is enough. */

/** Between a number and its unit: no line breaks there. */
const space = '\u00a0';

/** A probability as a whole percent; the ends are never 0 or 100. */
export function percent(probability: number): string {
  if (probability < 0.01) return `<1${space}%`;
  if (probability > 0.99) return `>99${space}%`;
  return `${Math.round(probability * 100)}${space}%`;
}

/** `[0.62, 0.94]` as `62 to 94 %`. */
export function interval([low, high]: readonly [number, number]): string {
  return `${percent(low).replace(`${space}%`, '')} to ${percent(high)}`;
}

/** A probability as a number of a hundred, never 0 or 100. */
export function ofHundred(probability: number): string {
  if (probability < 0.01) return 'fewer than 1';
  if (probability > 0.99) return 'more than 99';
  return String(Math.round(probability * 100));
}

/** The same in a sentence: `about 59`, `fewer than 1`. */
export function aboutOfHundred(probability: number): string {
  const number = ofHundred(probability);
  return /^\d/.test(number) ? `about ${number}` : number;
}

/** Text of a record for a place that is not Markdown: one line, without controls and without angle brackets. */
export function plainText(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}<>]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** A FHIR dateTime as `3 Nov 2026`: the calendar date as it was written, whatever the time zone. */
export function plainDate(dateTime: string | null): string {
  const match = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?/.exec(dateTime ?? '');
  if (match === null) return 'date not stated';
  const [, year, month, day] = match;
  if (month === undefined) return year as string;
  const name = months[Number(month) - 1] ?? month;
  return day === undefined ? `${name} ${year}` : `${Number(day)} ${name} ${year}`;
}

const views: Readonly<Record<string, string>> = {
  AP: 'AP (front to back)',
  PA: 'PA (back to front)',
  LL: 'lateral',
  RL: 'lateral',
  LATERAL: 'lateral',
};

/** ViewPosition (0018,5101) in words. */
export function viewInWords(view: string): string {
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
