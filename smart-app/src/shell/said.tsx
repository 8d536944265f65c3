import { useWords } from '../session.tsx';
import { cut, plainLines, plainText } from '../text.ts';

/** Text that the service or a model package wrote: English, whatever the language of the page. */
export function Said({ children }: { readonly children: string }) {
  const { locale } = useWords();
  return <span {...(locale !== 'en' && { lang: 'en' })}>{children}</span>;
}

/** One line of the record, cut where it is longer than anybody reads, and isolated from the direction of its neighbours. */
export function Recorded({ text, longest = 240 }: { readonly text: string; readonly longest?: number }) {
  return <bdi className="recorded">{cut(plainText(text), longest)}</bdi>;
}

/** Several lines of the record; what is very long opens on demand. */
export function RecordedLines({ text }: { readonly text: string }) {
  const { t } = useWords();
  const lines = plainLines(text);
  if (lines.length <= 1_500)
    return (
      <p className="recorded lines" dir="auto">
        {lines}
      </p>
    );
  return (
    <>
      <p className="recorded lines" dir="auto">
        {cut(lines, 1_200)}
      </p>
      <details>
        <summary>{t('common.wholeText')}</summary>
        <p className="recorded lines" dir="auto">
          {lines}
        </p>
      </details>
    </>
  );
}
