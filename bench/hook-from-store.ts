import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { BareRoute } from './children/bare-route.ts';
import type { Context, Group } from './context.ts';
import { type Row, skippedRow } from './row.ts';
import { startRoute } from './support/bare-route.ts';
import { modelsWarm, startFovea } from './support/fovea.ts';
import { compareHooks, hookGoals } from './support/hook-comparison.ts';
import { createAgent, post, type Target } from './support/load.ts';
import { cardStates, hookBody, servicePath } from './support/records.ts';

const name = 'hook-from-store';
const goals = hookGoals(name);

/** A hook of the sandbox, answered from the store, without a client JWT. */
export const hookFromStore: Group = {
  name,
  about:
    'a sandbox patient’s stored result, without a client JWT, to a bare Fastify route with the same bytes, and to one that also makes the same store read',
  goals,
  async run(context) {
    const folder = path.join(context.folder, name);
    mkdirSync(folder, { recursive: true });
    context.say(`${name}: starting the sandbox`);
    let fovea: Awaited<ReturnType<typeof startFovea>>;
    try {
      fovea = await startFovea('sandbox', path.join(folder, 'data'), {});
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return goals.map((goal) => skippedRow(goal, `the sandbox did not start: ${reason.split('\n', 1)[0]}`));
    }
    try {
      await modelsWarm(fovea);
      const stored = await storedPatient(context, fovea.base);
      if (typeof stored === 'string') return goals.map((goal) => skippedRow(goal, stored));
      const url = `${fovea.base}${servicePath}`;
      const target: Target = { url, pid: fovea.pid, body: stored.body };
      return await besideBareRoutes(context, folder, name, target, stored.answer, null, {
        seconds: context.quick ? 0.5 : 2,
      });
    } finally {
      await fovea.stop();
    }
  },
};

/** Starts the two bare routes, compares, and ends them. */
export async function besideBareRoutes(
  context: Context,
  folder: string,
  group: string,
  fovea: Target,
  answer: string,
  token: BareRoute['token'],
  size: { readonly seconds: number } | { readonly amount: number },
): Promise<readonly Row[]> {
  const bare = await startRoute({ answer, storeFolder: null, token });
  const read = await startRoute({ answer, storeFolder: path.join(folder, 'read'), token });
  const beside = ({ url, pid }: { readonly url: string; readonly pid: number }): Target => ({
    ...fovea,
    url,
    pid,
  });
  try {
    return await compareHooks(context, group, { fovea, bare: beside(bare), read: beside(read) }, size);
  } finally {
    await bare.stop();
    await read.stop();
  }
}

/** The first patient of the sandbox whose study has a final result; why there is none, in words. */
async function storedPatient(
  context: Context,
  base: string,
): Promise<{ readonly body: string; readonly answer: string } | string> {
  const fhirServer = `${base}/sandbox/fhir`;
  const agent = createAgent();
  const patients = await search(`${fhirServer}/Patient?_count=50`);
  for (const patient of patients.entry ?? []) {
    const { resource } = patient;
    const imagingStudies = await search(
      `${fhirServer}/ImagingStudy?patient=${resource.id}&_sort=-started&_count=50`,
    );
    const body = hookBody({
      patientId: resource.id,
      fhirServer,
      prefetch: { patient: resource, imagingStudies },
    });
    for (let attempt = 0; attempt < 5; attempt++) {
      const { status, body: answer } = await post({ url: `${base}${servicePath}`, body }, agent);
      if (status !== 200) break;
      const [state] = cardStates(answer);
      if (state === 'final') {
        context.say(`${name}: ${answer.length} bytes for a call of ${Buffer.byteLength(body)}`);
        agent.destroy();
        return { body, answer: answer.toString() };
      }
      if (state !== 'pending') break;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
  agent.destroy();
  return 'no patient of the sandbox has a final result';
}

interface Searchset {
  readonly entry?: readonly { readonly resource: { readonly id: string } }[];
}

async function search(url: string): Promise<Searchset> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`the sandbox answered ${answer.status}`);
  return (await answer.json()) as Searchset;
}
