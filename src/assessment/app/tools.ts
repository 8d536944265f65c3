import type { AppTools } from '#core/app-ports';
import { createAccess } from './access.ts';
import { createAnswering } from './answers.ts';
import { createChart } from './chart.ts';
import { createContext } from './context.ts';
import { createEvidence } from './evidence.ts';
import type { AppParts } from './parts.ts';
import { createPeople } from './people.ts';
import { createPictures } from './pictures.ts';
import { createEhr } from './record.ts';
import { createStyles } from './style.ts';
import { createWorklist } from './worklist.ts';

export type { AppParts } from './parts.ts';

/** The back end of the SMART app: every answer rests on what the EHR gives the session that asks. */
export function createAppTools(parts: AppParts): AppTools {
  const ehr = createEhr(parts);
  const open = createAccess(parts, ehr);
  const person = createPeople(parts, ehr);
  const style = createStyles(parts);
  const { openListed, ...worklist } = createWorklist(parts, ehr);
  return {
    ...createContext(parts, { ehr, open, person, style }),
    ...createChart(parts, ehr),
    ...createEvidence(parts, open),
    ...createAnswering(parts, open, openListed, person),
    ...createPictures(parts, ehr),
    ...worklist,
  };
}
