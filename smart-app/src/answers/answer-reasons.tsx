import { createContext, type ReactNode, useContext, useMemo } from 'react';
import type { AppAnswerReasons } from '#core/app';
import { useSession } from '../session.tsx';
import { type Loaded, useLoaded } from '../use-loaded.ts';

interface Reasons {
  readonly loaded: Loaded<AppAnswerReasons>;
  readonly again: () => void;
}

const ReasonsContext = createContext<Reasons | null>(null);

/** The coded reasons of a disagreement, read once a launch. */
export function AnswerReasonsProvider({ children }: { readonly children: ReactNode }) {
  const { api } = useSession();
  const [loaded, again] = useLoaded(api.answerReasons);
  const value = useMemo(() => ({ loaded, again }), [loaded, again]);
  return <ReasonsContext value={value}>{children}</ReasonsContext>;
}

export function useAnswerReasons(): Reasons {
  const reasons = useContext(ReasonsContext);
  if (reasons === null) throw new Error('AnswerReasonsProvider is missing.');
  return reasons;
}
