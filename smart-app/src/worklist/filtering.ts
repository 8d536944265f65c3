import { useState } from 'react';
import type { AppWorklistEntry } from '#core/app';
import type { Band } from '#core/assessment';

/** What is shown of the worklist. */
export interface WorklistFilters {
  /** `none`: studies without a result. */
  readonly band: Band | 'none' | 'all';
  readonly unanswered: boolean;
  readonly modality: string | null;
  readonly text: string;
}

export const noFilters: WorklistFilters = { band: 'all', unanswered: false, modality: null, text: '' };

/** The filters, kept in this window: opening a patient and coming back does not lose them. */
export function useFilters(launch: string): readonly [WorklistFilters, (filters: WorklistFilters) => void] {
  const address = `fovea.filters/${launch}`;
  const [filters, set] = useState<WorklistFilters>(() => stored(address));
  return [
    filters,
    (next) => {
      set(next);
      try {
        sessionStorage.setItem(address, JSON.stringify(next));
      } catch (error) {
        // A window without storage forgets them with the page.
        if (!(error instanceof DOMException)) throw error;
      }
    },
  ];
}

function stored(address: string): WorklistFilters {
  try {
    return { ...noFilters, ...(JSON.parse(sessionStorage.getItem(address) ?? '{}') as WorklistFilters) };
  } catch {
    return noFilters;
  }
}

/** The strongest band of a study; null without a result. */
export function bandOf({ study }: AppWorklistEntry): Band | null {
  const bands = study.findings.map(({ band }) => band);
  return (['elevated', 'indeterminate', 'low'] as const).find((band) => bands.includes(band)) ?? null;
}

export function isShown(entry: AppWorklistEntry, filters: WorklistFilters): boolean {
  const { band, unanswered, modality, text } = filters;
  if (band !== 'all' && (bandOf(entry) ?? 'none') !== band) return false;
  if (unanswered && entry.study.answer !== null) return false;
  if (modality !== null && !entry.study.modalities.includes(modality)) return false;
  const words = folded(text).split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const { patient, study } = entry;
  const hay = folded(
    [patient.name, ...patient.identifiers, study.description, ...study.modalities].filter(Boolean).join(' '),
  );
  return words.every((word) => hay.includes(word));
}

/** Without case and accents: who types `nunez` finds Núñez. */
function folded(text: string): string {
  return text
    .normalize('NFD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase();
}

export function modalitiesOf(entries: readonly AppWorklistEntry[]): readonly string[] {
  return [...new Set(entries.flatMap(({ study }) => study.modalities))].sort();
}
