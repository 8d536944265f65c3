import { en } from './en.ts';
import { es } from './es.ts';

/**
 * One table of messages, two languages. A message is a text with placeholders in braces, or one text for each plural
 * form, chosen by `n`. Values are put in as text; whatever they hold stays text.
 */
export type Message = string | { readonly one: string; readonly other: string };

/** A table with the same keys, and plural forms where the first has them. */
export type MessagesLike<Table> = {
  readonly [Key in keyof Table]: Table[Key] extends string
    ? string
    : { readonly one: string; readonly other: string };
};

type PlaceholdersOf<Text> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | PlaceholdersOf<Rest>
  : never;

type ValuesOf<Text> = Text extends string
  ? PlaceholdersOf<Text>
  : Text extends { readonly other: infer Other }
    ? PlaceholdersOf<Other> | 'n'
    : never;

export type Locale = 'en' | 'es';
export type MessageKey = keyof typeof en;
type Values<Key extends MessageKey> = { readonly [Name in ValuesOf<(typeof en)[Key]>]: string | number };
type Rest<Key extends MessageKey> = [ValuesOf<(typeof en)[Key]>] extends [never]
  ? readonly []
  : readonly [Values<Key>];

/** A message in the language of the page. Numbers are written in that language. */
export type Translate = <Key extends MessageKey>(key: Key, ...values: Rest<Key>) => string;

export const locales: Readonly<Record<Locale, string>> = { en: 'English', es: 'Español' };
const tables: Readonly<Record<Locale, Readonly<Record<MessageKey, Message>>>> = { en, es };

/** The first language of the browser that is spoken here, else English. */
export function localeOf(languages: readonly string[]): Locale {
  const known = languages.map((tag) => tag.toLowerCase().split('-')[0]);
  return (known.find((tag) => tag !== undefined && tag in tables) ?? 'en') as Locale;
}

/** What the browser's user reads, first first; empty outside of a browser. */
export function browserLanguages(): readonly string[] {
  const { navigator } = globalThis as { readonly navigator?: { readonly languages?: readonly string[] } };
  return navigator?.languages ?? [];
}

/** The language as the browser writes it, with its region where it names one: `en-GB` for `en`. */
export function regionOf(locale: Locale, languages: readonly string[]): string {
  return languages.find((tag) => tag.toLowerCase().split('-')[0] === locale) ?? locale;
}

export function translator(locale: Locale): Translate {
  const plural = new Intl.PluralRules(locale);
  const number = new Intl.NumberFormat(locale);
  return (key, ...rest) => {
    const message = tables[locale][key];
    const values = (rest[0] ?? {}) as Readonly<Record<string, string | number>>;
    const text =
      typeof message === 'string'
        ? message
        : message[plural.select(Number(values['n'])) === 'one' ? 'one' : 'other'];
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
      const value = values[name];
      if (value === undefined) return whole;
      return typeof value === 'number' ? number.format(value) : value;
    });
  };
}
