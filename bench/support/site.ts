import { mkdirSync, writeFileSync } from 'node:fs';
import type http from 'node:http';
import path from 'node:path';
import type { Context } from '../context.ts';
import { type Child, startChild } from './children.ts';
import { modelsWarm, type RunningFovea, startFovea, writeConfig } from './fovea.ts';
import { post, type Target } from './load.ts';
import { cardStates, ownHookBody, servicePath } from './records.ts';
import { createTokenSigner } from './tokens.ts';

/** `fovea serve` for one EHR of the bench, with an imaging server that has every study. */
export interface Site {
  readonly fovea: RunningFovea;
  readonly imaging: Child;
  /** What a token names: `iss`, and `aud` of the hook. */
  readonly trust: { readonly jwks: object; readonly issuer: string; readonly audience: string };
  /** WADO-RS root that serves one of the files. */
  root(file: string): string;
  /** A call for the bench's patient with these studies, with tokens from those in stock. */
  call(studies: readonly string[], file: string): Target;
  /** Signs more tokens. Calls take each once. */
  stock(count: number): Promise<void>;
  /** How many instances were sent so far. */
  sent(): Promise<number>;
  stop(): Promise<void>;
}

/**
 * @param name folder of this site below the run's
 * @param files DICOM files by name
 * @param environment further settings of Fovea
 */
export async function openSite(
  context: Context,
  name: string,
  files: Readonly<Record<string, Buffer>>,
  environment: Readonly<Record<string, string>> = {},
): Promise<Site> {
  const folder = path.join(context.folder, name);
  mkdirSync(folder, { recursive: true });
  const paths = Object.fromEntries(
    Object.entries(files).map(([file, bytes]) => {
      const target = path.join(folder, `${file}.dcm`);
      writeFileSync(target, bytes);
      return [file, target];
    }),
  );
  const { child: imaging, ready } = await startChild<{ readonly base: string }>('dicomweb', { files: paths });
  try {
    const root = (file: string) => `${ready.base}/${file}`;
    const signer = await createTokenSigner();
    const config = writeConfig(folder, { ...signer, imagingServers: Object.keys(files).map(root) });
    const fovea = await startFovea('serve', path.join(folder, 'data'), {
      FOVEA_CONFIG: config,
      ...environment,
    });
    await modelsWarm(fovea).catch(async (error: unknown) => {
      await fovea.stop();
      throw error;
    });
    const url = `${fovea.base}${servicePath}`;
    const tokens: string[] = [];
    const token = () => {
      const next = tokens.pop();
      if (next === undefined) throw new Error('no signed token is left');
      return next;
    };
    return {
      fovea,
      imaging,
      trust: { jwks: signer.jwks, issuer: signer.issuer, audience: url },
      root,
      call: (studies, file) => ({ url, pid: fovea.pid, body: ownHookBody(studies, root(file)), token }),
      async stock(count) {
        tokens.push(...(await signer.sign(url, count)));
      },
      sent: async () => (await imaging.ask<{ readonly sent: number }>('sent')).sent,
      async stop() {
        await fovea.stop();
        await imaging.stop();
      },
    };
  } catch (error) {
    await imaging.stop();
    throw error;
  }
}

/** Calls until the study's result is stored; gives that answer and the states of its cards. */
export async function untilStored(
  target: Target,
  agent: http.Agent,
): Promise<{ readonly answer: string; readonly states: readonly string[] }> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const { status, body } = await post(target, agent);
    if (status !== 200) throw new Error(`${target.url} answered ${status}`);
    const states = cardStates(body);
    if (!states.some((state) => state.startsWith('pending'))) return { answer: body.toString(), states };
    if (performance.now() > deadline) throw new Error('no result was stored in a minute');
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}
