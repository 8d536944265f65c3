import path from 'node:path';
import type { Context } from '../context.ts';
import { modelsWarm, startFovea } from './fovea.ts';

/** `fovea sandbox` with a patient whose study is assessed and stored. */
export interface SandboxEhr {
  /** The address of a new launch of the app from that patient's card; good once. */
  launch(): Promise<string>;
  stop(): Promise<void>;
}

const patientId = 'elevated';
const user = 'Practitioner/demo';

interface AppLink {
  readonly type: string;
  readonly url: string;
  readonly appContext?: string;
}

/** Starts it, opens the chart and waits until the card with the result is there. Every request needs a token. */
export async function openSandboxEhr(context: Context): Promise<SandboxEhr> {
  const fovea = await startFovea('sandbox', path.join(context.folder, 'sandbox'), {
    FOVEA_SANDBOX_TOKENS: 'required',
  });
  try {
    await modelsWarm(fovea);
    const { url, appContext } = await linkOfResult(fovea.base);
    return {
      async launch() {
        const order = { patientId, user, url, appContext };
        return (await post<{ readonly address: string }>(fovea.base, 'launches', order)).address;
      },
      stop: fovea.stop,
    };
  } catch (error) {
    await fovea.stop();
    throw error;
  }
}

/** Calls the hook until its card opens the app at an assessment: a card of a pending one does not. */
async function linkOfResult(base: string): Promise<AppLink> {
  const call = { service: 'imaging-assessment', hook: 'patient-view', patientId, userId: user };
  const until = performance.now() + 60_000;
  for (;;) {
    const { response } = await post<{
      readonly response: { readonly cards?: readonly { readonly links?: readonly AppLink[] }[] } | null;
    }>(base, 'hooks', call);
    const link = (response?.cards ?? [])
      .flatMap(({ links = [] }) => links)
      .find(({ type, appContext }) => type === 'smart' && appContext !== undefined);
    if (link !== undefined) return link;
    if (performance.now() > until) throw new Error('no card with a result in a minute');
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

async function post<Answer>(base: string, name: string, body: object): Promise<Answer> {
  const answer = await fetch(`${base}/sandbox/ehr/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`the sandbox answered ${answer.status}`);
  return (await answer.json()) as Answer;
}
