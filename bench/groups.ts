import { app } from './app.ts';
import { coldStudy } from './cold-study.ts';
import type { Group } from './context.ts';
import { decode } from './decode.ts';
import { explanation } from './explanation.ts';
import { hookFromStore } from './hook-from-store.ts';
import { hookUnderLoad } from './hook-under-load.ts';
import { hookWithToken } from './hook-with-token.ts';
import { preprocessing } from './preprocessing.ts';
import { start } from './start.ts';
import { storedAssessments } from './stored-assessments.ts';
import { viewer } from './viewer.ts';

/** Every row of `npm run bench`, in the order of its table. To add one: a file and a line here. */
export const groups: readonly Group[] = [
  hookFromStore,
  hookWithToken,
  hookUnderLoad,
  coldStudy,
  preprocessing,
  explanation,
  decode,
  storedAssessments,
  start,
  viewer,
  app,
];
