import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Button, ListBox, ListBoxItem, Popover, Select, SelectValue } from 'react-aria-components';
import type { AppContext } from '#core/app';
import { type Locale, locales } from '../i18n/translate.ts';
import { useWords } from '../session.tsx';
import { PatientBanner } from './patient-banner.tsx';
import { Recorded } from './said.tsx';

/** What is the same on every page: skip link, user, language, patient, what must always be said. */
export function Frame({
  context,
  onLocale,
  onLogout,
  alerts,
  children,
}: {
  readonly context: AppContext | null;
  readonly onLocale: (locale: Locale) => void;
  readonly onLogout: (() => Promise<void>) | null;
  /** Above the page: no connection, session about to end. */
  readonly alerts?: ReactNode;
  readonly children: ReactNode;
}) {
  const { t } = useWords();
  const main = useRef<HTMLElement>(null);
  return (
    <div className="page">
      <header className="top">
        {/* A link to #main would leave the page's own address, which stands after the #. */}
        <button type="button" className="skip" onClick={() => main.current?.focus()}>
          {t('frame.skip')}
        </button>
        <p className="brand">
          <span className="brand-mark" aria-hidden="true" />
          Fovea
          <span className="brand-what">{t('frame.what')}</span>
        </p>
        <div className="top-end">
          {context !== null && (
            <p className="user">
              <span className="hidden">{t('frame.user')}</span>
              <Recorded text={context.user.name ?? context.user.reference} longest={80} />
            </p>
          )}
          <LanguageChoice onLocale={onLocale} />
          {onLogout !== null && <LogoutButton onLogout={onLogout} />}
        </div>
      </header>
      {context?.patient != null && (
        <PatientBanner patient={context.patient} whole={context.needPatientBanner} />
      )}
      <section className="always" aria-label={t('frame.always')}>
        {context?.sandbox === true && <strong className="sandbox">{t('frame.sandbox')}</strong>}
        <span>{t('frame.notNegative')}</span>
      </section>
      {alerts}
      <main id="main" ref={main} tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

function LanguageChoice({ onLocale }: { readonly onLocale: (locale: Locale) => void }) {
  const { t, locale } = useWords();
  return (
    <Select
      className="select"
      aria-label={t('frame.language')}
      value={locale}
      onChange={(key) => {
        if (key !== null) onLocale(key as Locale);
      }}
    >
      <Button className="select-button">
        <SelectValue />
        <span aria-hidden="true" className="chevron" />
      </Button>
      <Popover className="popover">
        <ListBox className="list-box">
          {(Object.keys(locales) as Locale[]).map((key) => (
            <ListBoxItem key={key} id={key} textValue={locales[key]} className="list-item">
              <span lang={key}>{locales[key]}</span>
            </ListBoxItem>
          ))}
        </ListBox>
      </Popover>
    </Select>
  );
}

function LogoutButton({ onLogout }: { readonly onLogout: () => Promise<void> }) {
  const { t } = useWords();
  const [busy, setBusy] = useState(false);
  return (
    <Button
      className="quiet"
      onPress={() => {
        if (busy) return;
        setBusy(true);
        void onLogout().finally(() => setBusy(false));
      }}
    >
      {t('frame.logout')}
    </Button>
  );
}

/** The heading of a page: takes the focus when one comes to the page from another, and names the window. */
export function PageHeading({ children, title }: { readonly children: ReactNode; readonly title: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} – Fovea`;
  }, [title]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a page that becomes another one is told again
  useEffect(() => {
    const { activeElement, body, documentElement } = document;
    const free = activeElement === null || activeElement === body || activeElement.tagName === 'H1';
    if (documentElement.dataset['navigated'] !== undefined && free) heading.current?.focus();
  }, [title]);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  );
}
