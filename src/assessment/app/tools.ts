import type { AppTools } from '#core/app-ports';
import { ServiceError } from '#core/error';
import { createChart } from './chart.ts';
import type { AppParts } from './parts.ts';
import { createEhr } from './record.ts';

export type { AppParts } from './parts.ts';

/** The back end of the SMART app. */
export function createAppTools(parts: AppParts): AppTools {
  const ehr = createEhr(parts);
  const missing = async (): Promise<never> => {
    throw new ServiceError('NOT_FOUND');
  };
  return {
    ...createChart(parts, ehr),
    context: missing,
    evidence: missing,
    prevalence: missing,
    answerReasons: () => [],
    answer: missing,
    pictures: missing,
    picture: missing,
    frame: missing,
    worklist: missing,
    patientOf: missing,
  };
}
