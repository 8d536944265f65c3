import { useEffect, useRef, useState } from 'react';
import { Button } from 'react-aria-components';
import { ApiError } from '../api-error.ts';
import { useWords } from '../session.tsx';

/** How long before its end the session is renewed, or its end is told. @see WCAG 2.2 §2.2.1 */
const warnBefore = 120_000;
/** Somebody who did something within this time is at work: the session is renewed without asking. */
const activeWithin = 240_000;

/** Renews the session of who is at work, and warns who is not. */
export function SessionNotice({
  expiresAt,
  renew,
}: {
  readonly expiresAt: string;
  readonly renew: (signal: AbortSignal) => Promise<void>;
}) {
  const { t, format } = useWords();
  const [warned, setWarned] = useState(false);
  const lastActive = useRef(Date.now());
  const running = useRef<AbortController | null>(null);

  useEffect(() => {
    const seen = () => {
      lastActive.current = Date.now();
    };
    for (const event of ['pointerdown', 'keydown', 'wheel'] as const)
      addEventListener(event, seen, { passive: true });
    return () => {
      for (const event of ['pointerdown', 'keydown', 'wheel'] as const) removeEventListener(event, seen);
    };
  }, []);

  useEffect(() => () => running.current?.abort(), []);

  const ask = () => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    renew(controller.signal).catch((error: unknown) => {
      // The end of the session is told by the page; anything else leaves the warning as it is.
      if (error instanceof ApiError || controller.signal.aborted) setWarned(true);
      else throw error;
    });
  };
  const askNow = useRef(ask);
  askNow.current = ask;

  useEffect(() => {
    setWarned(false);
    const end = Date.parse(expiresAt);
    if (Number.isNaN(end)) return;
    // A timer longer than 2^31 ms would fire at once.
    const within = (milliseconds: number) => Math.min(Math.max(milliseconds, 0), 2_000_000_000);
    const warn = setTimeout(
      () => {
        if (Date.now() - lastActive.current < activeWithin) askNow.current();
        setWarned(true);
      },
      within(end - Date.now() - warnBefore),
    );
    const over = setTimeout(() => askNow.current(), within(end - Date.now() + 1_000));
    return () => {
      clearTimeout(warn);
      clearTimeout(over);
    };
  }, [expiresAt]);

  return (
    <div role="status">
      {warned && (
        <p className="strip warning">
          <span>{t('session.ends', { at: format.moment(expiresAt) })}</span>
          <Button onPress={ask}>{t('session.stay')}</Button>
        </p>
      )}
    </div>
  );
}
