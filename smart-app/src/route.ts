import { useEffect, useState } from 'react';

/** Where in the page one is: its address after `#`. */
export type Route =
  | { readonly at: 'home' }
  | { readonly at: 'assessment'; readonly id: string }
  | { readonly at: 'study'; readonly key: string }
  | { readonly at: 'worklist' };

export function routeOf(hash: string): Route {
  const [, first, second] = /^#\/(assessments|studies|worklist)(?:\/([^/]+))?\/?$/.exec(hash) ?? [];
  if (first === 'worklist') return { at: 'worklist' };
  if (first === 'assessments' && second !== undefined) return { at: 'assessment', id: decoded(second) };
  if (first === 'studies' && second !== undefined) return { at: 'study', key: decoded(second) };
  return { at: 'home' };
}

/** An id that is no percent-encoding stays as it is written: nothing is found under it, and the page says so. */
function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

function namesNothing(hash: string): boolean {
  return hash === '' || hash === '#';
}

export const addressOf = {
  home: '#/',
  worklist: '#/worklist',
  assessment: (id: string) => `#/assessments/${encodeURIComponent(id)}`,
  study: (key: string) => `#/studies/${encodeURIComponent(key)}`,
} as const;

/** @param first where a page opens whose address names nothing, after `#`; then it names that */
export function useRoute(first: string): Route {
  const [hash, setHash] = useState(() => (namesNothing(location.hash) ? first : location.hash));
  useEffect(() => {
    if (namesNothing(location.hash)) history.replaceState(history.state, '', first);
  }, [first]);
  useEffect(() => {
    const read = () => {
      // From here on the heading of a page takes the focus: a screen reader is told that the page is another.
      document.documentElement.dataset['navigated'] = '';
      scrollTo(0, 0);
      setHash(location.hash);
    };
    addEventListener('hashchange', read);
    return () => removeEventListener('hashchange', read);
  }, []);
  return routeOf(hash);
}
