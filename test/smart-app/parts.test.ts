import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { answerReasons } from '#assessment/app/answer-reasons';
import { percent, percentWithRange, peopleFor as servicePeople } from '#core/shares';
import { shiftPrevalence } from '#statistics/prevalence';
import { formatIn } from '../../smart-app/src/format.ts';
import { en } from '../../smart-app/src/i18n/en.ts';
import { es } from '../../smart-app/src/i18n/es.ts';
import { isTerm, term } from '../../smart-app/src/i18n/terms.ts';
import { localeOf, type Message, regionOf, translator } from '../../smart-app/src/i18n/translate.ts';
import { atShare, peopleFor } from '../../smart-app/src/shares.ts';
import { ageInYears, cut, plainLines, plainText } from '../../smart-app/src/text.ts';

const t = translator('en');
const english = formatIn('en', t, ['en-GB']);
const spanish = formatIn('es', translator('es'), ['es-ES']);

describe('the words of the app', () => {
  const keys = Object.keys(en) as (keyof typeof en)[];
  const formsOf = (message: Message) =>
    typeof message === 'string' ? { one: message, other: message } : message;
  const namesIn = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string).sort();

  it('every message has its placeholders in both languages; the singular may say its number in a word', () => {
    for (const key of keys) {
      const [first, second] = [formsOf(en[key]), formsOf(es[key])];
      expect(namesIn(second.other), key).toEqual(namesIn(first.other));
      const without = (text: string) => namesIn(text).filter((name) => name !== 'n');
      expect(without(second.one), key).toEqual(without(first.one));
    }
  });

  it('no message is left in the other language', () => {
    const words = (message: Message) =>
      formsOf(message)
        .other.replace(/\{\w+\}/g, '')
        .match(/\p{L}{2,}/gu) ?? [];
    expect(keys.filter((key) => words(en[key]).length > 2 && en[key] === es[key])).toEqual([]);
  });

  it('each reason to disagree that the service offers has its Spanish', () => {
    for (const { display } of answerReasons) expect(isTerm(term('es', display)), display).toBe(true);
  });

  it('plural forms and numbers are those of the language', () => {
    expect(t('study.images', { n: 1 })).toBe('1 image');
    expect(translator('es')('study.images', { n: 12_000 })).toBe('12.000 imágenes');
  });

  it('a value that looks like a placeholder stays text', () => {
    expect(t('report.there')).not.toContain('{');
    expect(t('worklist.openOf', { name: '{name} $& <b>' })).toBe('Open the chart of {name} $& <b>');
  });

  it('the language is the first of the browser’s that is spoken here', () => {
    expect(localeOf(['de-DE', 'es-MX', 'en'])).toBe('es');
    expect(localeOf(['fr'])).toBe('en');
    expect(regionOf('es', ['de', 'es-MX'])).toBe('es-MX');
  });
});

describe('numbers and dates of the app', () => {
  it('shares are said as on cards, and never as none or all', () => {
    for (const share of [0.004, 0.01, 0.5, 0.594, 0.99, 0.996]) {
      const card = percent(share).replace('\u00a0', '');
      expect(english.percent(share), String(share)).toBe(card);
    }
    expect(english.percentWithRange(0.002, [0.001, 0.008])).toBe('below 1%');
    expect(percentWithRange(0.002, [0.001, 0.008])).toBe('below 1\u00a0%');
    expect(spanish.percent(0.59)).toBe('59\u00a0%');
  });

  it('a share moves as the service moves it', () => {
    for (const probability of [0, 0.03, 0.5, 0.985, 1])
      for (const to of [0.001, 0.18, 0.9])
        expect(atShare(probability, 0.765, to)).toBeCloseTo(
          shiftPrevalence({ probability, interval: [probability, probability] }, 0.765, to).probability,
          12,
        );
    for (const share of [0.001, 0.009, 0.0096, 0.5, 0.995])
      expect(peopleFor(share)).toBe(servicePeople(share));
  });

  it('a date of the record is the day that was written, whatever the time zone; an impossible one stays as written', () => {
    expect(english.date('2026-11-03T23:59:00-11:00')).toBe('3 Nov 2026');
    expect(english.dateTime('2026-11-03T23:59:00-11:00')).toBe('3 Nov 2026, 23:59');
    expect(english.date('2026-11')).toBe('Nov 2026');
    expect(english.date('2026')).toBe('2026');
    expect(english.date('2026-02-31')).toBe('2026-02-31');
    expect(english.date(null)).toBe('date not stated');
    expect(ageInYears('2023-11-28', new Date(2026, 10, 27))).toBe(2);
    expect(ageInYears('2023', new Date(2026, 10, 27))).toBeNull();
  });

  it('text of a record is one line without marks of direction, and a character is never halved', () => {
    expect(plainText('a\u202Eb\u0000\n c')).toBe('a b c');
    expect(plainLines('a\r\nb\u2028c\u202E')).toBe('a\nb\nc');
    expect(cut('ab😀d', 4)).toBe('ab…');
  });
});

describe('the size of the app', () => {
  it('shell and evidence are at most 250 kB gzipped, and nothing of the viewer is among them', () => {
    const built = path.resolve(import.meta.dirname, '../../dist/smart-app');
    const index = readFileSync(path.join(built, 'index.html'), 'utf8');
    const first = [...index.matchAll(/assets\/([\w.-]+\.(?:js|css))/g)].map(([, name]) => name as string);
    expect(first.length).toBeGreaterThanOrEqual(2);
    const bytes = first.map((name) => gzipSync(readFileSync(path.join(built, 'assets', name))).length);
    const total = bytes.reduce((sum, one) => sum + one, 0);
    console.info(
      `shell and evidence: ${first.map((name, at) => `${name} ${bytes[at]} B`).join(', ')}; ${total} B gzipped`,
    );
    expect(total).toBeLessThanOrEqual(250_000);
    const text = first.map((name) => readFileSync(path.join(built, 'assets', name), 'utf8')).join('');
    expect(text).not.toMatch(/cornerstone3D|RenderingEngine/i);
    expect(readdirSync(path.join(built, 'assets')).some((name) => name.startsWith('viewer-'))).toBe(true);
  });
});
