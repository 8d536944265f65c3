import { browserLanguages, type Locale, regionOf, type Translate } from './i18n/translate.ts';
import { cut, isInRange, plainText } from './text.ts';

/** Numbers, shares and dates in the language of the page. */
export interface Format {
  /** A probability as a whole percent; the ends are `<1%` and `>99%`, never 0 or 100. */
  percent(share: number): string;
  /** A share that was asked for, with one decimal where it has one. */
  share(share: number): string;
  /** `41% to 78%`; `below 1%` or `above 99%` when both ends are. */
  range(interval: readonly [number, number]): string;
  /** `59% (41% to 78%)`; the range alone when the whole interval is beyond whole percents. */
  percentWithRange(share: number, interval: readonly [number, number]): string;
  number(value: number, decimals?: number): string;
  /** A FHIR date or dateTime: the calendar date as it was written, whatever the time zone. */
  date(written: string | null): string;
  /** The same with the time of day where it is written. */
  dateTime(written: string | null): string;
  /** A moment, in the time zone of the browser, which is named. */
  moment(iso: string): string;
  milliseconds(value: number): string;
  list(parts: readonly string[]): string;
}

/** Both ends lie where whole percents do not tell them apart. */
export function isBeyondPercent([low, high]: readonly [number, number]): boolean {
  return high < 0.01 || low > 0.99;
}

/**
 * @param language of the page
 * @param languages of the browser: dates are written as in the region that it names, e.g. `en-GB`
 */
export function formatIn(
  language: Locale,
  t: Translate,
  languages: readonly string[] = browserLanguages(),
): Format {
  const locale = regionOf(language, languages);
  const whole = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 });
  const tenth = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });
  const lists = new Intl.ListFormat(locale, { type: 'conjunction' });
  const percent = (share: number) => {
    if (share < 0.01) return `<${whole.format(0.01)}`;
    if (share > 0.99) return `>${whole.format(0.99)}`;
    return whole.format(share);
  };
  const range = (interval: readonly [number, number]) => {
    if (interval[1] < 0.01) return t('format.below', { share: whole.format(0.01) });
    if (interval[0] > 0.99) return t('format.above', { share: whole.format(0.99) });
    return t('format.range', { low: percent(interval[0]), high: percent(interval[1]) });
  };
  const dateParts = (written: string | null, withTime: boolean): string => {
    const match = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?(?:T(\d{2}):(\d{2}))?/.exec(written ?? '');
    if (match === null) return written === null ? t('format.noDate') : cut(plainText(written), 40);
    const [, year, month = '01', day = '01', hour, minute] = match;
    const moment = new Date(
      Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour ?? 0), Number(minute ?? 0)),
    );
    if (!isInRange(moment, Number(month), Number(day))) return cut(plainText(written ?? ''), 40);
    return new Intl.DateTimeFormat(locale, {
      timeZone: 'UTC',
      year: 'numeric',
      ...(match[2] !== undefined && { month: 'short' }),
      ...(match[3] !== undefined && { day: 'numeric' }),
      ...(withTime && hour !== undefined && { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
    }).format(moment);
  };
  return {
    percent,
    range,
    share: (share) => tenth.format(share),
    percentWithRange: (share, interval) =>
      isBeyondPercent(interval)
        ? range(interval)
        : t('format.withRange', { share: percent(share), range: range(interval) }),
    number: (value, decimals = 0) =>
      new Intl.NumberFormat(locale, {
        minimumFractionDigits: decimals,
        maximumFractionDigits: decimals,
      }).format(value),
    date: (written) => dateParts(written, false),
    dateTime: (written) => dateParts(written, true),
    moment: (iso) => {
      const moment = new Date(iso);
      if (Number.isNaN(moment.getTime())) return cut(plainText(iso), 40);
      return new Intl.DateTimeFormat(locale, {
        year: 'numeric',
        month: 'short',
        day: 'numeric',
        hour: '2-digit',
        minute: '2-digit',
        hourCycle: 'h23',
        timeZoneName: 'short',
      }).format(moment);
    },
    milliseconds: (value) =>
      value < 1000
        ? t('format.milliseconds', { n: Math.round(value) })
        : t('format.seconds', {
            seconds: new Intl.NumberFormat(locale, { maximumFractionDigits: 1 }).format(value / 1000),
          }),
    list: (parts) => lists.format(parts),
  };
}
