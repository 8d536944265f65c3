import { useCallback, useEffect, useMemo, useState } from 'react';
import { createApi } from './api.ts';
import { ApiError } from './api-error.ts';
import { countDrafts, dropDrafts } from './drafts.ts';
import { browserLanguages, type Locale, localeOf } from './i18n/translate.ts';
import { Patient } from './patient.tsx';
import { addressOf, useRoute } from './route.ts';
import { SessionProvider, useSession, useWords, WordsProvider } from './session.tsx';
import { ConnectionNotice } from './shell/connection-notice.tsx';
import { Frame, PageHeading } from './shell/frame.tsx';
import { LaunchProblem, type LaunchState } from './shell/launch-problem.tsx';
import { PageBoundary } from './shell/page-boundary.tsx';
import { SessionNotice } from './shell/session-notice.tsx';
import { Loading, Problem } from './shell/states.tsx';
import { applyStyle } from './style.ts';
import { asApiError, useLoaded } from './use-loaded.ts';
import { WorklistPage } from './worklist/worklist-page.tsx';

/** The launch that the address of the page names; null where it names none. */
export function launchOf(path: string): string | null {
  const id = /\/app\/l\/([^/]+)/.exec(path)?.[1];
  return id === undefined ? null : id;
}

const localeStore = 'fovea.locale';

/** The language chosen in this window before, else the browser's. */
function firstLocale(): Locale {
  try {
    const chosen = sessionStorage.getItem(localeStore);
    return localeOf(chosen === null ? browserLanguages() : [chosen]);
  } catch (error) {
    if (error instanceof DOMException) return localeOf(browserLanguages());
    throw error;
  }
}

export function App() {
  const [locale, setLocale] = useState(firstLocale);
  useEffect(() => {
    document.documentElement.lang = locale;
  }, [locale]);
  const choose = useCallback((chosen: Locale) => {
    setLocale(chosen);
    try {
      sessionStorage.setItem(localeStore, chosen);
    } catch (error) {
      // Without storage the choice holds as long as the page stays.
      if (!(error instanceof DOMException)) throw error;
    }
  }, []);
  const launch = launchOf(location.pathname);
  return (
    <WordsProvider locale={locale}>
      {launch === null ? (
        <Frame context={null} onLocale={choose} onLogout={null}>
          <LaunchProblem state={{ is: 'none' }} drafts={0} retry={null} />
        </Frame>
      ) : (
        <Launch launch={launch} onLocale={choose} />
      )}
    </WordsProvider>
  );
}

/** One launch: signed in, or why not. */
function Launch({
  launch,
  onLocale,
}: {
  readonly launch: string;
  readonly onLocale: (locale: Locale) => void;
}) {
  const { t } = useWords();
  const [ended, setEnded] = useState<LaunchState | null>(null);
  const api = useMemo(
    () =>
      createApi({
        page: new URL(location.pathname.replace(/(\/app\/l\/[^/]+).*$/, '$1/'), location.origin).href,
        launch,
        onSessionEnded: (error: ApiError) => setEnded({ is: 'ended', error }),
      }),
    [launch],
  );
  const [loaded, again, change] = useLoaded(api.context);
  const style = loaded.state === 'ready' ? loaded.value.style : null;
  useEffect(() => applyStyle(document.documentElement, style), [style]);

  const renew = useCallback(
    async (signal: AbortSignal) => {
      const context = await api.context(signal);
      change(() => context);
    },
    [api, change],
  );
  const retry = () => {
    setEnded(null);
    again();
  };
  const logout = async () => {
    dropDrafts(launch);
    try {
      await api.logout();
      setEnded({ is: 'out' });
    } catch (cause) {
      const error = asApiError(cause);
      const isOver = error.code === 'SMART_SESSION_ENDED' || error.code === 'NOT_FOUND';
      setEnded(isOver ? { is: 'out' } : { is: 'not-out', error });
    }
  };

  if (ended !== null || loaded.state === 'failed') {
    const state: LaunchState = ended ?? {
      is: 'refused',
      error: (loaded as Extract<typeof loaded, { state: 'failed' }>).error,
    };
    return (
      <Frame context={null} onLocale={onLocale} onLogout={null}>
        <LaunchProblem
          state={state}
          drafts={countDrafts(launch)}
          retry={state.is === 'out' ? null : state.is === 'not-out' ? logout : retry}
        />
      </Frame>
    );
  }
  if (loaded.state === 'loading')
    return (
      <Frame context={null} onLocale={onLocale} onLogout={null}>
        <PageHeading title={t('common.loading')}>{t('common.loading')}</PageHeading>
        <Loading what={t('common.loading')} />
      </Frame>
    );
  return (
    <SessionProvider api={api} context={loaded.value}>
      <Frame
        context={loaded.value}
        onLocale={onLocale}
        onLogout={logout}
        alerts={
          <>
            <ConnectionNotice />
            <SessionNotice expiresAt={loaded.value.expiresAt} renew={renew} />
          </>
        }
      >
        <Pages />
      </Frame>
    </SessionProvider>
  );
}

/** A launch with a patient shows the chart, one without the worklist. The EHR's focus is where it opens. */
function Pages() {
  const { t } = useWords();
  const { context } = useSession();
  const { assessment, study } = context.focus;
  const route = useRoute(
    assessment !== null ? addressOf.assessment(assessment) : study !== null ? addressOf.study(study) : '',
  );
  if (!context.mayAnswer) return <LaunchProblem state={{ is: 'forbidden' }} drafts={0} retry={null} />;
  return (
    <PageBoundary
      of={JSON.stringify(route)}
      failed={<Problem error={new ApiError('PAGE_FAILED', '', '', 0)} title={t('problem.page')} />}
    >
      {context.patient === null ? <WorklistPage /> : <Patient route={route} />}
    </PageBoundary>
  );
}
