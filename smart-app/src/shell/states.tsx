import type { ReactNode } from 'react';
import { Button } from 'react-aria-components';
import type { ApiError } from '../api-error.ts';
import { useWords } from '../session.tsx';
import { Said } from './said.tsx';

/** Something is on its way: grey bars of its shape, said once to a screen reader. */
export function Loading({ what, bars = 4 }: { readonly what: string; readonly bars?: number }) {
  return (
    <div className="loading" role="status">
      <span className="hidden">{what}</span>
      {Array.from({ length: bars }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the bars are all alike
        <span key={index} className="bar" aria-hidden="true" />
      ))}
    </div>
  );
}

/** Something did not come: what happened, what would help, and the way to try again. */
export function Problem({
  error,
  title,
  retry,
  children,
}: {
  readonly error: ApiError;
  readonly title: string;
  readonly retry?: () => void;
  readonly children?: ReactNode;
}) {
  const { t } = useWords();
  const own =
    error.code === 'OFFLINE'
      ? { text: t('problem.offline'), help: t('problem.offlineHelp') }
      : error.text === ''
        ? {
            text: error.code === 'UNREADABLE' ? t('problem.unreadable') : '',
            help: t('problem.unreadableHelp'),
          }
        : null;
  return (
    <div className="notice critical" role="alert">
      <p className="notice-title">{title}</p>
      <p>
        {own === null ? (
          <>
            <Said>{error.text}</Said> <Said>{error.help}</Said>
          </>
        ) : (
          `${own.text} ${own.help}`
        )}
      </p>
      {children}
      <p className="soft small">
        {t('problem.code')} <code>{error.code}</code>
      </p>
      {retry !== undefined && <Button onPress={retry}>{t('common.tryAgain')}</Button>}
    </div>
  );
}

export function Notice({
  tone,
  title,
  children,
}: {
  readonly tone: 'info' | 'warning' | 'critical' | 'quiet';
  readonly title?: string;
  readonly children: ReactNode;
}) {
  return (
    <div className={`notice ${tone}`}>
      {title !== undefined && <p className="notice-title">{title}</p>}
      {children}
    </div>
  );
}
