import { createContext, type ReactNode, useContext, useMemo } from 'react';
import { I18nProvider } from 'react-aria-components';
import type { AppContext } from '#core/app';
import type { Api } from './api.ts';
import { type Format, formatIn } from './format.ts';
import { type Locale, type Translate, translator } from './i18n/translate.ts';

/** The language of the page and what is written in it. */
export interface Words {
  readonly locale: Locale;
  readonly t: Translate;
  readonly format: Format;
}

const WordsContext = createContext<Words | null>(null);
const SessionContext = createContext<{ readonly api: Api; readonly context: AppContext } | null>(null);

export function WordsProvider({
  locale,
  children,
}: {
  readonly locale: Locale;
  readonly children: ReactNode;
}) {
  const words = useMemo(() => {
    const t = translator(locale);
    return { locale, t, format: formatIn(locale, t) };
  }, [locale]);
  return (
    <I18nProvider locale={locale}>
      <WordsContext value={words}>{children}</WordsContext>
    </I18nProvider>
  );
}

export function SessionProvider({
  api,
  context,
  children,
}: {
  readonly api: Api;
  readonly context: AppContext;
  readonly children: ReactNode;
}) {
  const value = useMemo(() => ({ api, context }), [api, context]);
  return <SessionContext value={value}>{children}</SessionContext>;
}

export function useWords(): Words {
  const words = useContext(WordsContext);
  if (words === null) throw new Error('WordsProvider is missing.');
  return words;
}

/** The launch and its server; only below {@link SessionProvider}. */
export function useSession(): { readonly api: Api; readonly context: AppContext } {
  const session = useContext(SessionContext);
  if (session === null) throw new Error('SessionProvider is missing.');
  return session;
}
