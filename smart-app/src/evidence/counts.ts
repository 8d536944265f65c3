import { useMemo } from 'react';
import type { Translate } from '../i18n/translate.ts';
import { useWords } from '../session.tsx';

/** Shares in natural frequencies, never none and never all. */
export function useCounts() {
  const { t, format } = useWords();
  return useMemo(() => {
    const told = (share: number, people: 100 | 1000) => {
      const count = Math.round(share * people);
      const of = format.number(people);
      if (count < 1) return { text: t('count.fewer', { count: format.number(1), of }), about: false };
      if (count > people - 1)
        return { text: t('count.more', { count: format.number(people - 1), of }), about: false };
      return { text: t('count.outOf', { count: format.number(count), of }), about: true };
    };
    return {
      /** `59 of 100`, `fewer than 1 of 1,000`. */
      outOf: (share: number, people: 100 | 1000) => told(share, people).text,
      /** `about 59 of 100`. */
      aboutOutOf: (share: number, people: 100 | 1000) => {
        const { text, about } = told(share, people);
        return about ? t('count.about', { count: text }) : text;
      },
    };
  }, [t, format]);
}

/** The usual operating points have words of their own; others keep their name. */
export function pointName(t: Translate, name: string): string {
  if (name === 'rule-in') return t('point.ruleIn');
  if (name === 'rule-out') return t('point.ruleOut');
  return name;
}
