import { Fragment } from 'react';
import { isTerm } from '../i18n/terms.ts';
import { useWords } from '../session.tsx';
import { cut, plainLines, plainText, unbroken } from '../text.ts';

/** Text that the service or a model package wrote: English, whatever the language of the page. */
export function Said({ children }: { readonly children: string }) {
  const { locale } = useWords();
  return (
    <span {...(locale !== 'en' && !isTerm(children) && { lang: 'en' })}>
      <Breakable text={cut(children, 4_000)} />
    </span>
  );
}

/** One line of the record, cut where it is longer than anybody reads, and isolated from the direction of its neighbours. */
export function Recorded({ text, longest = 240 }: { readonly text: string; readonly longest?: number }) {
  return (
    <bdi className="recorded">
      <Breakable text={cut(plainText(text), longest)} />
    </bdi>
  );
}

/** Several lines of the record; what is very long opens on demand. */
export function RecordedLines({ text }: { readonly text: string }) {
  const { t } = useWords();
  const lines = plainLines(text);
  return (
    <>
      <p className="recorded lines" dir="auto">
        <Breakable text={cut(lines, 1_500)} />
      </p>
      {lines.length > 1_500 && (
        <details>
          <summary>{t('common.wholeText')}</summary>
          <p className="recorded lines" dir="auto">
            <Breakable text={lines} />
          </p>
        </details>
      )}
    </>
  );
}

/** A word of thousands of letters takes a browser many seconds to lay out unless it is told where it may break. */
function Breakable({ text }: { readonly text: string }) {
  const parts = unbroken(text);
  if (parts.length === 1) return text;
  return parts.map((part, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one text do not move
    <Fragment key={index}>
      {index > 0 && <wbr />}
      {part}
    </Fragment>
  ));
}
